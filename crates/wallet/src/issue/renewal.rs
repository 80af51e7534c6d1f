//! When a badge's copies are renewed, and what to show when there is no network to renew them.
//!
//! | The PIN was last right | a renewal |
//! |---|---|
//! | within 30 days | runs silently on the device key |
//! | longer ago | asks for the PIN first ([`Wallet::check_pin`]) |
//!
//! A copy is shown once. Only where no network is, the last one may be shown again; the history says so.

use credential::types::Format;

use super::{Copy, Holding, IssueError, Options, Received, TOP_UP_BELOW};
use crate::account::messages::AccountState;
use crate::ports::{Clock as _, KeyHandle, Shell};
use crate::present::PresentError;
use crate::secret::Secret;
use crate::usage::Act;
use crate::wallet::Wallet;

/// So long after the last right PIN copies are renewed without it (ms). The server is the judge.
pub const WITHOUT_PIN_MS: i64 = 30 * 86_400 * 1_000;

/// Copies that expire within this time (s) count as used: a phone that wakes up offline should have some left.
const SOON_S: i64 = 3 * 86_400;

/// Whether copies have to be renewed, and what that takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Enough copies, or no badge to renew.
    NotNeeded,
    /// [`Wallet::renew`] runs without asking anybody.
    Silent,
    /// The PIN comes first, then [`Wallet::renew`].
    PinFirst,
}

/// The copy to show where no network is.
#[derive(Debug, Clone)]
pub struct OfflineCopy {
    /// As issued, with all disclosures.
    pub credential: Secret,
    /// The holder key, for the key store.
    pub key: KeyHandle,
    /// Whether it was shown before: who sees both may know that it is the same holder.
    pub reused: bool,
}

impl Holding {
    /// Whether fewer fresh copies than [`TOP_UP_BELOW`] are left that live for some days yet; of a small batch, fewer
    /// than half.
    pub fn runs_out(&self, now_s: i64) -> bool {
        let fresh = |copy: &&Copy| copy.shown == 0 && copy.is_current(now_s.saturating_add(SOON_S));
        let enough = TOP_UP_BELOW.min(self.copies.len().div_ceil(2)).max(1);
        self.copies.iter().filter(fresh).count() < enough
    }
}

impl<S: Shell> Wallet<S> {
    /// The badge of this phone's account, as an SD-JWT VC.
    pub fn badge(&self) -> Option<&Holding> {
        self.badge_as(Format::SdJwtVc)
    }

    /// The badge in a format.
    pub fn badge_as(&self, format: Format) -> Option<&Holding> {
        let own = |held: &&Holding| {
            held.is_badge() && held.format() == Some(format) && self.is_provider(&held.issuer)
        };
        self.state().holdings.iter().find(own)
    }

    /// Whether the badge's copies have to be renewed. Ask after each opening and each use.
    pub fn needs_renewal(&self) -> Renewal {
        let clock = self.shell().clock();
        let Some(account) = &self.state().account else { return Renewal::NotNeeded };
        let mut badges =
            [Format::SdJwtVc, Format::Mdoc].into_iter().filter_map(|format| self.badge_as(format));
        let runs_out = badges.any(|badge| badge.runs_out(clock.now_s()));
        if account.state != AccountState::Active || !runs_out {
            return Renewal::NotNeeded;
        }
        let right_at = account.status.as_ref().map(|status| status.pin_right_at);
        match right_at {
            Some(at) if clock.now_ms() > at.saturating_add(WITHOUT_PIN_MS) => Renewal::PinFirst,
            _ => Renewal::Silent,
        }
    }

    /// Draws the next batch if one is needed; `None` if none is. A server that wants the PIN first says
    /// [`PIN_FIRST`](crate::account::messages::code::PIN_FIRST), and then so does [`Wallet::needs_renewal`].
    pub async fn renew(&mut self) -> Result<Option<Received>, IssueError> {
        if self.needs_renewal() == Renewal::NotNeeded {
            return Ok(None);
        }
        match self.receive_badge(Options::default()).await {
            Ok(received) => Ok(Some(received)),
            Err(IssueError::Account(error)) if error.is(crate::account::messages::code::PIN_FIRST) => {
                // The server's word on when the PIN was last right.
                self.sync().await?;
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the copy to show where no network is: a fresh one, else the one that was shown least. It is noted as shown
    /// before it leaves, and the history tells whether it was a second time.
    pub async fn copy_for_offline(&mut self, holding: &str) -> Result<OfflineCopy, PresentError> {
        let held = self.holding(holding).ok_or(PresentError::Choice)?;
        let at = held.next_copy(self.shell().clock().now_s()).ok_or(PresentError::Expired)?;
        let copy = held.copies.get(at).ok_or(PresentError::Expired)?;
        let shown = OfflineCopy {
            credential: copy.credential.clone(),
            key: copy.key.clone(),
            reused: copy.shown > 0,
        };
        let act = Act::ShownOffline { reused_copy: shown.reused };
        let record = self.usage_record(held.issuer.clone(), true, act);
        let id = holding.to_owned();
        self.update(|state| {
            let held = state.holdings.iter_mut().find(|held| held.id == id);
            if let Some(copy) = held.and_then(|held| held.copies.get_mut(at)) {
                copy.shown = copy.shown.saturating_add(1);
            }
            crate::usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(copies: &[(u32, i64)]) -> Holding {
        let copy = |(shown, expires_at): &(u32, i64)| Copy {
            credential: Secret::new("예시"),
            key: KeyHandle(Secret::new("key")),
            shown: *shown,
            expires_at: Some(*expires_at),
        };
        Holding {
            id: "h".into(),
            issuer: "https://issuer.example".into(),
            configuration: "badge".into(),
            format: "dc+sd-jwt".into(),
            vct: "v".into(),
            copies: copies.iter().map(copy).collect(),
            type_info: None,
        }
    }

    const FAR: i64 = 100 * 86_400;

    #[test]
    fn fewer_than_eight_fresh_copies_run_out() {
        let mut copies = vec![(0, FAR); 20];
        assert!(!holding(&copies).runs_out(0));
        for copy in copies.iter_mut().take(12) {
            copy.0 = 1;
        }
        assert!(!holding(&copies).runs_out(0), "eight are left");
        copies[12].0 = 1;
        assert!(holding(&copies).runs_out(0));
    }

    #[test]
    fn copies_that_expire_within_three_days_count_as_used() {
        let copies = vec![(0, FAR); 20];
        assert!(!holding(&copies).runs_out(FAR - SOON_S - 1));
        assert!(holding(&copies).runs_out(FAR - SOON_S));
    }

    #[test]
    fn a_small_batch_is_renewed_when_half_of_it_is_gone_and_not_at_once() {
        assert!(!holding(&[(0, FAR), (0, FAR)]).runs_out(0));
        assert!(!holding(&[(0, FAR), (1, FAR)]).runs_out(0));
        assert!(holding(&[(1, FAR), (1, FAR)]).runs_out(0));
        assert!(holding(&[]).runs_out(0));
    }
}
