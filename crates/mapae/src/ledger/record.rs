//! What the database knows of the ledger: where it is, whose statements count, how far it was read.

use credential::trust::Registrar;
use keys::{Jwk, PublicKey};
use registry::contract::Code;
use registry::ethereum::{Address, address_of_text};

use crate::operations::Platform;
use crate::operations::store::{Row, Store, StoreError, Tx, params};

/// The ledger as it was set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(super) network: Code,
    pub(super) chain_id: u64,
    pub(super) registry: Address,
    pub(super) council: Address,
    pub(crate) registrar: Registrar,
    pub(super) next_block: u64,
}

/// How the ledger is set up; `None` where it is not.
pub(crate) async fn setup(platform: &Platform) -> Result<Option<Setup>, StoreError> {
    read(&platform.store).await
}

async fn read(store: &Store) -> Result<Option<Setup>, StoreError> {
    let sql = "SELECT network, chain_id, registry, council, members, needed, next_block FROM ledger_setup WHERE id = 1";
    store.fetch_optional(sql, params![]).await?.map(|row| Setup::of(&row)).transpose()
}

fn wrong(column: &str) -> StoreError {
    StoreError::Column(column.to_owned(), "holds what nobody wrote there".to_owned())
}

impl Setup {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let address = |column: &str| address_of_text(&row.text(column)?).ok_or_else(|| wrong(column));
        let members: Vec<Jwk> = serde_json::from_str(&row.text("members")?).map_err(|_| wrong("members"))?;
        let members = members
            .iter()
            .map(PublicKey::from_jwk)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("members"))?;
        let needed = usize::try_from(row.int("needed")?).map_err(|_| wrong("needed"))?;
        Ok(Self {
            network: Code::parse(&row.text("network")?).ok_or_else(|| wrong("network"))?,
            chain_id: row.int("chain_id")?.unsigned_abs(),
            registry: address("registry")?,
            council: address("council")?,
            registrar: Registrar::new(members, needed).ok_or_else(|| wrong("needed"))?,
            next_block: row.int("next_block")?.unsigned_abs(),
        })
    }
}

/// Writes the set-up; `false` where there is one already.
pub(super) async fn insert(tx: &mut Tx, setup: &Setup) -> Result<bool, StoreError> {
    let members: Vec<_> = setup.registrar.members().iter().map(|member| member.to_jwk().to_value()).collect();
    let rows = tx
        .execute(
            "INSERT INTO ledger_setup (id, network, chain_id, registry, council, members, needed, next_block, made_at) \
             VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            params![
                setup.network.to_string(),
                number(setup.chain_id),
                setup.registry.to_string(),
                setup.council.to_string(),
                serde_json::Value::from(members).to_string(),
                number(setup.registrar.needed() as u64),
                number(setup.next_block),
                tx.now_ms()
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// Says that the events before a block are in the trust list; `false` where another process was faster.
pub(super) async fn advance(tx: &mut Tx, from: u64, to: u64) -> Result<bool, StoreError> {
    let rows = tx
        .execute(
            "UPDATE ledger_setup SET next_block = $2 WHERE id = 1 AND next_block = $1",
            params![number(from), number(to)],
        )
        .await?;
    Ok(rows == 1)
}

pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
