//! The table as CSV (RFC 4180), with a byte order mark so that spreadsheets read Korean.

use axum::response::{IntoResponse, Response};
use http::header;

use super::Row;
use crate::pages::{Page, csv_cell, iso};

pub(super) fn response(page: &Page, rows: &[Row], at: i64) -> Response {
    let mut text = String::from("\u{feff}");
    let heading = [
        page.t("desk.statistics.agency"),
        page.t("desk.statistics.code"),
        page.t("desk.statistics.phase"),
        page.t("desk.statistics.eligible"),
        page.t("desk.statistics.applied"),
        page.t("desk.statistics.issued"),
        page.t("desk.statistics.waiting"),
        page.t("desk.statistics.at"),
    ];
    line(&mut text, heading.into_iter());
    let at = iso(at);
    for row in rows {
        let cells = [
            page.pick(&row.name.ko, &row.name.en).to_owned(),
            row.code.clone(),
            row.phase.map(|phase| phase.to_string()).unwrap_or_default(),
            row.eligible.to_string(),
            row.applied.to_string(),
            row.issued.to_string(),
            row.waiting.to_string(),
            at.clone(),
        ];
        line(&mut text, cells.iter().map(String::as_str));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mapae-statistics.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    let cells: Vec<String> = cells.map(csv_cell).collect();
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}
