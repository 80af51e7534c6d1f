//! A forgotten PIN, while the account is not locked: name and number, a one-time password, and the passkey.

use serde_json::Value;

use crate::account::client::AccountError;
use crate::account::messages::{
    AccountStatus, ForgottenPin, ForgottenPinOtp, OtpSent, ProofStatus, ResetPin, code,
};
use crate::account::passkey::assertion;
use crate::pin::Pin;
use crate::ports::Shell;
use crate::state::PinRecord;
use crate::usage::{self, Act};
use crate::wallet::Wallet;

impl<S: Shell> Wallet<S> {
    /// "I forgot the PIN": says who the holder is; a one-time password goes to the phone.
    pub async fn forgot_pin(&mut self, name: &str, rrn: &str) -> Result<OtpSent, AccountError> {
        self.resume().await?;
        let message = ForgottenPin { name: name.to_owned(), rrn: rrn.to_owned() };
        self.account_post("/pin/forgotten", message).await
    }

    /// Gives the one-time password back. Next: [`Wallet::passkey_options`] for a forgotten PIN, then [`Wallet::reset_pin`].
    pub async fn prove_phone_for_new_pin(&mut self, otp: &str) -> Result<ProofStatus, AccountError> {
        self.account_post("/pin/forgotten/otp", ForgottenPinOtp { otp: otp.to_owned() }).await
    }

    /// Puts a new PIN in place of the forgotten one. `credential` is what `navigator.credentials.get()` gave. For 24 hours
    /// the new PIN approves, signs and moves nothing ([`AccountStatus::pin_rests_until`]).
    pub async fn reset_pin(&mut self, credential: &Value, pin: &Pin) -> Result<AccountStatus, AccountError> {
        let assertion = assertion(credential)?;
        let account = self.state().account.clone().ok_or(AccountError::NotEnrolled)?;
        pin.check_strength(&account.owner)?;
        // The new salt is written down beside the old one first, so that a lost reply loses nothing.
        let change = self.announce_new_salt(None).await?;
        self.keep_salt().await?;
        let (pin_key, pin_proof) = self.pin_proof(pin, &change.new.salt, &account.provider, &account.id)?;
        let set: Result<AccountStatus, AccountError> =
            self.account_post("/pin/reset", ResetPin { assertion, pin_key, pin_proof }).await;
        let status = match set {
            Ok(status) => status,
            // Perhaps our own request did it and its reply was lost. The generation tells.
            Err(error)
                if error.is("answer_lost")
                    || error.is(code::PROOF_OVER)
                    || error.is(code::PASSKEY_CHALLENGE) =>
            {
                let status = self.ask_status().await?;
                if status.pin_generation <= account.pin.generation {
                    return Err(error);
                }
                status
            }
            Err(error) => return Err(error),
        };
        let record = self.usage_record(account.provider, true, Act::PinChanged);
        let kept = status.clone();
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.pin = PinRecord { generation: kept.pin_generation, salt: change.new.salt };
                account.pin_change = None;
                account.state = kept.state;
                account.tries_left = kept.tries_left;
                account.status = Some(kept);
            }
            state.pending = None;
            usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(status)
    }
}
