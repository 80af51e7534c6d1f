//! Change of PIN in two steps, safe against a crash at each of them.
//!
//! ```text
//! write down the new salt (Announced) ─ begin, old PIN ─▶ server keeps both keys (Begun)
//!        │                                                   │ commit, new PIN ─▶ the new key only
//!        │                                                   └ rollback, old PIN ─▶ the old key only
//!        └ never arrived: dropped at the next look at the account
//! ```
//!
//! A crash anywhere leaves both salts in the vault until the server's word (the result, or the number of the PIN
//! key in force) says which one counts. So no step can end in a PIN that nobody knows.

use crate::account::client::AccountError;
use crate::account::messages::{Instruction, code};
use crate::pin::{Pin, Salt};
use crate::ports::Shell;
use crate::state::{PinChange, PinChangeStage, PinRecord};
use crate::wallet::Wallet;

impl<S: Shell> Wallet<S> {
    /// How far a PIN change got that was neither finished nor dropped; `None` if there is none.
    pub fn pin_change(&self) -> Option<PinChangeStage> {
        self.state().account.as_ref()?.pin_change.as_ref().map(|change| change.stage)
    }

    /// Begin and commit. After an error [`Wallet::pin_change`] tells whether to commit (new PIN) or to roll back
    /// (old PIN).
    pub async fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), AccountError> {
        self.begin_pin_change(old, new).await?;
        self.commit_pin_change(new).await
    }

    /// Announces the new PIN, signed with the old one.
    pub async fn begin_pin_change(&mut self, old: &Pin, new: &Pin) -> Result<(), AccountError> {
        self.resume().await?;
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        new.check_strength(&account.owner)?;
        if self.pin_change() == Some(PinChangeStage::Begun) {
            return Err(AccountError::InstructionRefused { code: code::PIN_CHANGE_PENDING.to_owned() });
        }
        let (provider, id) = (account.provider.clone(), account.id.clone());
        let change = self.announce_new_salt(Some(account.pin.generation.saturating_add(1))).await?;
        let kept = self.keep_salt().await;
        if kept.is_err() {
            self.forget_announced().await?;
            return kept;
        }
        let (pin_key, pin_proof) = self.pin_proof(new, &change.new.salt, &provider, &id)?;
        let old_salt = self.pin_salt()?;
        let begun = self.instruct(old, &old_salt, Instruction::PinChangeBegin { pin_key, pin_proof }).await;
        if begun.is_err()
            && self.state().pending.is_none()
            && self.pin_change() == Some(PinChangeStage::Announced)
        {
            // Judged or never arrived: the server does not know the new key.
            self.forget_announced().await?;
        }
        begun
    }

    async fn forget_announced(&mut self) -> Result<(), AccountError> {
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.pin_change = None;
            }
        })
        .await?;
        Ok(())
    }

    /// Makes the new PIN the only one, signed with the new one.
    pub async fn commit_pin_change(&mut self, new: &Pin) -> Result<(), AccountError> {
        self.resume().await?;
        let Some(change) = self.state().account.as_ref().and_then(|account| account.pin_change.clone())
        else {
            return Err(AccountError::InstructionRefused { code: code::NO_PIN_CHANGE.to_owned() });
        };
        let committed = self.instruct(new, &change.new.salt, Instruction::PinChangeCommit).await;
        if committed.is_ok() {
            // The server has both salts since the change began; which one is enough now can wait for the next look.
            let _ = self.keep_salt().await;
        }
        match committed {
            // Perhaps an earlier commit of ours arrived late: the number of the key in force tells.
            Err(error) if error.is(code::NO_PIN_CHANGE) => {
                let status = self.sync().await?;
                if status.pin_generation == change.new.generation { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }

    /// Keeps the old PIN, signed with it.
    pub async fn rollback_pin_change(&mut self, old: &Pin) -> Result<(), AccountError> {
        self.resume().await?;
        let old_salt = self.pin_salt()?;
        let rolled_back = self.instruct(old, &old_salt, Instruction::PinChangeRollback).await;
        match rolled_back {
            Err(error) if error.is(code::NO_PIN_CHANGE) => {
                self.sync().await?;
                // The server has none: what the phone wrote down never counted.
                self.forget_announced().await
            }
            other => other,
        }
    }

    /// Writes a fresh salt down beside the one in force.
    pub(super) async fn announce_new_salt(
        &mut self,
        generation: Option<u32>,
    ) -> Result<PinChange, AccountError> {
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let change = PinChange {
            new: PinRecord {
                generation: generation.unwrap_or(account.pin.generation.saturating_add(1)),
                salt: Salt::generate(),
            },
            stage: PinChangeStage::Announced,
        };
        let noted = change.clone();
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.pin_change = Some(noted);
            }
        })
        .await?;
        Ok(change)
    }
}
