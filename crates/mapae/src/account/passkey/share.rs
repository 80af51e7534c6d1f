//! The server's share of a vault's key, for phones whose passkey gives no PRF secret.
//!
//! 32 random bytes, sealed for one account and one credential. They leave the server for a message by the device key
//! that carries a fresh assertion of that credential, never while the account is suspended or closed, and not more
//! often than [`limits::SHARES`] in [`limits::SHARE_WINDOW`]. A locked account's vault still opens: the phone has to show
//! what to do. Alone the share opens nothing: the other half is a key that can't leave the phone.

use keys::Zeroizing;
use keys::encoding::b64url_encode;
use wallet::account::messages::{AccountState, ShareGiven};

use super::{Asserted, Passkey, PasskeyRefusal};
use crate::account::error::DeviceRefusal;
use crate::account::record::Account;
use crate::operations::store::params;
use crate::operations::{Platform, limits};

const TABLE: &str = "account_passkey";

fn place(account: &str, credential: &str) -> String {
    format!("{account}|{credential}")
}

/// A fresh share: sealed for the account and the credential, and as the phone gets it.
pub(in crate::account) fn new(
    platform: &Platform,
    account: &str,
    passkey: &Passkey,
) -> (Vec<u8>, Zeroizing<String>) {
    let share = Zeroizing::new(keys::random::bytes::<32>());
    let place = place(account, &passkey.credential_id);
    let sealed = platform.sealer.seal(TABLE, "share", &place, share.as_slice());
    (sealed, Zeroizing::new(b64url_encode(share.as_slice())))
}

/// Gives the share to the account's device for an assertion by the account's passkey.
pub(in crate::account) async fn release(
    platform: &Platform,
    account: &Account,
    asserted: Asserted,
) -> Result<ShareGiven, DeviceRefusal> {
    if asserted.passkey.account_id.as_ref() != Some(&account.id) {
        return Err(PasskeyRefusal::Unknown.into());
    }
    refuse_unless_openable(account)?;
    let sealed = asserted.passkey.share.clone().ok_or(DeviceRefusal::NoShare)?;
    let place = place(&account.id, &asserted.passkey.credential_id);
    let share = platform
        .sealer
        .open(TABLE, "share", &place, &sealed)
        .map_err(|error| DeviceRefusal::Internal(error.to_string()))?;
    let (id, now_ms) = (account.id.clone(), platform.now_ms());
    platform
        .store
        .write(move |tx| {
            Box::pin(async move {
                asserted.use_up(tx).await?;
                // Locks the account's row: a suspension comes before or after this, never beside it.
                tx.execute("UPDATE account SET charged_at = charged_at WHERE id = $1", params![&id]).await?;
                let now = Account::find_in(tx, &id).await?.ok_or(DeviceRefusal::Device)?;
                refuse_unless_openable(&now)?;
                let rows = tx
                    .execute(
                        "UPDATE account_passkey SET \
                         share_given = CASE WHEN share_window_at <= $2 THEN 1 ELSE share_given + 1 END, \
                         share_window_at = CASE WHEN share_window_at <= $2 THEN $3 ELSE share_window_at END \
                         WHERE id = $1 AND (share_window_at <= $2 OR share_given < $4)",
                        params![
                            &asserted.passkey.id,
                            now_ms.saturating_sub(limits::SHARE_WINDOW.get()),
                            now_ms,
                            limits::SHARES.get()
                        ],
                    )
                    .await?;
                if rows == 1 { Ok(()) } else { Err(DeviceRefusal::from(PasskeyRefusal::TooMany)) }
            })
        })
        .await?;
    Ok(ShareGiven { share: b64url_encode(&share) })
}

fn refuse_unless_openable(account: &Account) -> Result<(), DeviceRefusal> {
    match account.state() {
        state @ (AccountState::Suspended | AccountState::Closed) => Err(DeviceRefusal::State(state)),
        _ => Ok(()),
    }
}
