//! The public side of the log: its checkpoint and hash tiles (C2SP tlog-tiles), and nothing that was recorded.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};

use super::tree::{TILE_HEIGHT, TILE_WIDTH};
use super::{AuditError, sequencer};
use crate::operations::store::{Store, params};
use crate::operations::{Platform, Problem};

pub(super) fn routes() -> Router<Arc<Platform>> {
    Router::new().route("/audit/checkpoint", get(checkpoint)).route("/audit/tile/{*path}", get(tile))
}

/// The newest checkpoint; none before the first record was numbered. Never from a replica: who saw one may expect that the
/// next is not older.
async fn checkpoint(State(platform): State<Arc<Platform>>) -> Result<Response, Problem> {
    let row = platform
        .store
        .fetch_optional("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1", params![])
        .await
        .map_err(AuditError::from)?;
    let note = row.ok_or(AuditError::Nothing)?.text("note").map_err(AuditError::from)?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, note).into_response())
}

/// One hash tile, whole or partial.
async fn tile(State(platform): State<Arc<Platform>>, Path(path): Path<String>) -> Result<Response, Problem> {
    let wanted = Tile::parse(&path).ok_or(AuditError::Nothing)?;
    let hashes = platform.store.read_published(|store| read(store, wanted)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((StatusCode::OK, headers, hashes).into_response())
}

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tile {
    level: u32,
    index: u64,
    width: u64,
}

impl Tile {
    /// `<L>/<N>[.p/<W>]`, where N is written in groups of three digits, all but the last with an `x` before them.
    fn parse(path: &str) -> Option<Tile> {
        let (level, rest) = path.split_once('/')?;
        let level = plain(level, 63)? as u32;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, plain(width, TILE_WIDTH - 1).filter(|width| *width > 0)?),
            None => (rest, TILE_WIDTH),
        };
        let mut number = 0_u64;
        let mut groups = index.split('/').peekable();
        while let Some(group) = groups.next() {
            let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            number = number.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Tile { level, index: number, width };
        (tile.path() == path).then_some(tile)
    }

    fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        let partial = if self.width == TILE_WIDTH { String::new() } else { format!(".p/{}", self.width) };
        format!("{}/{}{partial}", self.level, groups.join("/"))
    }
}

/// A decimal number without leading zeros, up to `most`.
fn plain(text: &str, most: u64) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number <= most && number.to_string() == text).then_some(number)
}

/// The hashes of a tile that the present tree holds.
async fn read(store: &Store, tile: Tile) -> Result<Vec<u8>, AuditError> {
    let size = sequencer::head(store).await?.size();
    let available = size.checked_shr(TILE_HEIGHT.saturating_mul(tile.level)).unwrap_or(0);
    let first = tile.index.checked_mul(TILE_WIDTH).ok_or(AuditError::Nothing)?;
    let end = first.checked_add(tile.width).ok_or(AuditError::Nothing)?;
    if end > available {
        return Err(AuditError::Nothing);
    }
    let bound = |number: u64| i64::try_from(number).map_err(|_| AuditError::Nothing);
    let (first, end) = (bound(first)?, bound(end)?);
    let rows = if tile.level == 0 {
        let sql = "SELECT leaf_hash AS hash FROM audit_record WHERE sequence >= $1 AND sequence < $2 ORDER BY sequence";
        store.fetch_all(sql, params![first, end]).await?
    } else {
        let sql = "SELECT hash FROM audit_node WHERE level = $1 AND position >= $2 AND position < $3 ORDER BY position";
        store.fetch_all(sql, params![i64::from(tile.level), first, end]).await?
    };
    if rows.len() as u64 != tile.width {
        return Err(AuditError::Head);
    }
    let mut hashes = Vec::with_capacity(rows.len() * 32);
    for row in rows {
        hashes.extend(row.bytes("hash")?);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tile_paths_are_read_as_the_standard_writes_them_and_no_other_way() {
        let tile = |level, index, width| Some(Tile { level, index, width });
        assert_eq!(Tile::parse("0/x001/x234/067"), tile(0, 1_234_067, 256));
        assert_eq!(Tile::parse("1/000.p/17"), tile(1, 0, 17));
        for bad in [
            "",
            "0",
            "0/",
            "0/0",
            "0/x000/001",
            "0/1234",
            "0/x1/000",
            "00/000",
            "64/000",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "entries/000",
            "0/x001/x234/x067",
            "0/+01",
            "0/000/",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }
}
