//! Enrolment: invitation and activation code → who is it → one-time password → device key and PIN → account.

use keys::jws::Header;
use zeroize::Zeroizing;

use crate::account::client::{AccountError, endpoint, read};
use crate::account::messages::{
    AccountState, Activate, Activated, Envelope, Identity, OnboardingStatus, Otp, OtpSent, PIN_PROOF_TYP,
    PinProof, Registered, Registration, code,
};
use crate::account::passkey::read_share;
use crate::pin::{Owner, Pin, Salt};
use crate::ports::{DeviceKey as _, Http as _, KeyError, Request, Shell};
use crate::secret::Secret;
use crate::state::{Account, Onboarding, PinRecord};
use crate::usage::{self, Act};
use crate::wallet::{Wallet, add_anchors};

/// The install address from the message, `https://host/install#handle`: who invites, and the handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationLink {
    /// Base URL of the wallet provider.
    pub provider: String,
    /// Handle of the invitation.
    pub handle: String,
}

/// What was opened is not an install address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an install address from the message")]
pub struct NotAnInvitation;

impl InvitationLink {
    /// Reads the address. Plain http is taken from this machine only.
    pub fn parse(text: &str) -> Result<InvitationLink, NotAnInvitation> {
        let text = text.trim();
        if text.len() > 512 {
            return Err(NotAnInvitation);
        }
        let url = url::Url::parse(text).map_err(|_| NotAnInvitation)?;
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        let handle = url.fragment().unwrap_or_default();
        let plain = handle.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        let base = url.path().strip_suffix("/install");
        match base {
            Some(base)
                if secure
                    && plain
                    && (16..=128).contains(&handle.len())
                    && url.query().is_none()
                    && url.username().is_empty()
                    && url.password().is_none() =>
            {
                let provider = format!("{}{base}", url.origin().ascii_serialization());
                Ok(InvitationLink { provider, handle: handle.to_owned() })
            }
            _ => Err(NotAnInvitation),
        }
    }
}

/// The phone is enrolled; what comes next is the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Account id.
    pub account: String,
    /// The server's share of the vault's key, where the passkey gives no PRF secret: the vault goes under
    /// [`VaultKey::from_halves`](crate::vault::VaultKey::from_halves) now.
    pub share: Option<Share>,
}

/// 32 bytes that open nothing alone; kept in memory until the wallet locks, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Share(pub Zeroizing<[u8; 32]>);

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Share(…)")
    }
}

/// The digits of a resident registration number that tell the birth date: `YYMMDD`, with the century where the
/// seventh digit names it.
pub fn birth_date_of(rrn: &str) -> Zeroizing<String> {
    let digits: Zeroizing<String> = Zeroizing::new(rrn.chars().filter(char::is_ascii_digit).collect());
    let Some(date) = digits.get(..6) else { return Zeroizing::new(String::new()) };
    let century = match digits.as_bytes().get(6) {
        Some(b'1' | b'2' | b'5' | b'6') => "19",
        Some(b'3' | b'4' | b'7' | b'8') => "20",
        _ => "",
    };
    Zeroizing::new(format!("{century}{date}"))
}

impl<S: Shell> Wallet<S> {
    /// Starts (or starts again) with the handle from the SMS link and the code that the portal shows.
    pub async fn activate(
        &mut self,
        provider: &str,
        invitation: &str,
        code: &str,
    ) -> Result<(), AccountError> {
        if self.state().account.is_some() {
            return Err(AccountError::AlreadyEnrolled);
        }
        self.device().await?;
        let provider = provider.trim_end_matches('/').to_owned();
        let body = Activate { invitation: invitation.to_owned(), code: code.to_owned() };
        let activated: Activated = self.post(&provider, "/activate", None, &body).await?;
        let onboarding = Onboarding {
            provider,
            id: activated.onboarding,
            token: Secret::new(activated.token),
            code: Secret::new(code),
            expires_at: activated.expires_at,
            owner: Owner::default(),
            salt: None,
            passkey: None,
        };
        self.update(|state| state.onboarding = Some(onboarding)).await?;
        Ok(())
    }

    /// Says who the holder is; a one-time password goes to the phone number of the personnel record.
    pub async fn prove_identity(&mut self, name: &str, rrn: &str) -> Result<OtpSent, AccountError> {
        let onboarding = self.onboarding()?;
        let body = Identity { name: name.to_owned(), rrn: rrn.to_owned() };
        let sent: OtpSent =
            self.post(&onboarding.provider, "/identity", Some(&onboarding.token), &body).await?;
        let owner = Owner { birth_date: birth_date_of(rrn).to_string(), phone: sent.phone.clone() };
        self.update(|state| {
            if let Some(onboarding) = &mut state.onboarding {
                onboarding.owner = owner;
            }
        })
        .await?;
        Ok(sent)
    }

    /// Gives the one-time password back.
    pub async fn prove_phone(&mut self, otp: &str) -> Result<OnboardingStatus, AccountError> {
        let onboarding = self.onboarding()?;
        let body = Otp { otp: otp.to_owned() };
        self.post(&onboarding.provider, "/otp", Some(&onboarding.token), &body).await
    }

    /// Asks the server how far the enrolment is.
    pub async fn onboarding_status(&self) -> Result<OnboardingStatus, AccountError> {
        let onboarding = self.onboarding()?;
        let request = Request::get(endpoint(&onboarding.provider, "/onboarding"))
            .header("authorization", format!("Bearer {}", &*onboarding.token));
        read(&self.shell().http().send(request).await?)
    }

    /// Registers device key and PIN. Safe to repeat after a lost reply, also with another PIN.
    pub async fn register(&mut self, pin: &Pin) -> Result<Enrolled, AccountError> {
        pin.check_strength(&self.onboarding()?.owner)?;
        let salt = match &self.onboarding()?.salt {
            Some(salt) => salt.clone(),
            None => {
                let salt = Salt::generate();
                let kept = salt.clone();
                self.update(|state| {
                    if let Some(onboarding) = &mut state.onboarding {
                        onboarding.salt = Some(kept);
                    }
                })
                .await?;
                salt
            }
        };
        let onboarding = self.onboarding()?.clone();
        let (pin_key, pin_proof) = self.pin_proof(pin, &salt, &onboarding.provider, &onboarding.id)?;
        let signed = self
            .device_sign(&onboarding.provider, &onboarding.id, Registration { pin_key, pin_proof })
            .await?;
        let registered: Registered = self
            .post(&onboarding.provider, "/register", Some(&onboarding.token), &Envelope { signed })
            .await?;
        let share = registered.share.as_deref().map(read_share).transpose()?.map(Share);
        let enrolled = Enrolled { account: registered.account.clone(), share };
        let account = Account {
            provider: onboarding.provider.clone(),
            id: registered.account,
            pin: PinRecord { generation: registered.pin_generation, salt },
            pin_change: None,
            owner: onboarding.owner.clone(),
            result_keys: registered.result_keys,
            state: AccountState::Pending,
            tries_left: 5,
            offer: Some(Secret::new(registered.offer)),
            code: Some(onboarding.code.clone()),
            passkey: onboarding.passkey.clone(),
            salt_key: None,
            salt_kept: Vec::new(),
            status: None,
        };
        let record = self.usage_record(onboarding.provider.clone(), true, Act::Enrolled);
        self.update(|state| {
            state.account = Some(account);
            state.onboarding = None;
            state.provider_roots.clone_from(&registered.trust_anchors);
            add_anchors(state, registered.trust_anchors);
            state.accreditation = registered.accreditation;
            usage::record(&mut state.usage, record);
        })
        .await?;
        Ok(enrolled)
    }

    /// Sets a new PIN after two operators unlocked the account; `code` is what they handed to the holder.
    pub async fn set_new_pin(&mut self, code: &str, pin: &Pin) -> Result<(), AccountError> {
        use crate::account::messages::{AccountStatus, NewPin};
        let account = self.state().account.clone().ok_or(AccountError::NotEnrolled)?;
        pin.check_strength(&account.owner)?;
        // The new salt is written down beside the old one first, so that a lost reply loses nothing.
        let change = match account.pin_change {
            Some(change) => change,
            None => self.announce_new_salt(None).await?,
        };
        self.keep_salt().await?;
        let (pin_key, pin_proof) = self.pin_proof(pin, &change.new.salt, &account.provider, &account.id)?;
        let set: Result<AccountStatus, AccountError> =
            self.account_post("/pin", NewPin { code: code.to_owned(), pin_key, pin_proof }).await;
        let status = match set {
            Ok(status) => status,
            // The code is spent: perhaps by our own request whose reply was lost. The generation tells.
            Err(error) if error.is(code::UNLOCK_CODE_WRONG) || error.is("answer_lost") => {
                let status = self.ask_status().await?;
                if status.pin_generation <= account.pin.generation
                    || status.state == AccountState::NewPinNeeded
                {
                    return Err(error);
                }
                status
            }
            Err(error) => return Err(error),
        };
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.pin = PinRecord { generation: status.pin_generation, salt: change.new.salt };
                account.pin_change = None;
                account.state = status.state;
                account.tries_left = status.tries_left;
            }
            state.pending = None;
        })
        .await?;
        Ok(())
    }

    pub(super) fn pin_proof(
        &self,
        pin: &Pin,
        salt: &Salt,
        provider: &str,
        subject: &str,
    ) -> Result<(keys::Jwk, String), AccountError> {
        let key = pin.key(salt);
        let proof = PinProof {
            aud: provider.to_owned(),
            subject: subject.to_owned(),
            device: self.device_key()?.public_key().thumbprint(),
        };
        let payload = serde_json::to_vec(&proof)
            .map_err(|_| AccountError::Protocol("a message that can't be written"))?;
        let signed = keys::jws::sign(&key, &Header::es256(PIN_PROOF_TYP), &payload)
            .map_err(|error| KeyError::Failed(error.to_string()))?;
        Ok((key.public_key().to_jwk(), signed))
    }

    pub(super) fn onboarding(&self) -> Result<&Onboarding, AccountError> {
        self.state().onboarding.as_ref().ok_or(AccountError::NoEnrolment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_in_the_message_names_who_invites_and_the_handle() {
        let link = InvitationLink::parse(" https://mapae.example/install#AbC-_123456789012345 ").unwrap();
        assert_eq!(link.provider, "https://mapae.example");
        assert_eq!(link.handle, "AbC-_123456789012345");
        let link = InvitationLink::parse("http://localhost:8600/install#abcdefghijklmnop").unwrap();
        assert_eq!(link.provider, "http://localhost:8600");
        let link = InvitationLink::parse("https://gov.example/badge/install#abcdefghijklmnop").unwrap();
        assert_eq!(link.provider, "https://gov.example/badge");
    }

    #[test]
    fn anything_else_is_no_invitation() {
        for text in [
            "",
            "install",
            "http://mapae.example/install#abcdefghijklmnop",
            "ftp://mapae.example/install#abcdefghijklmnop",
            "https://mapae.example/install",
            "https://mapae.example/install#short",
            "https://mapae.example/install?x=1#abcdefghijklmnop",
            "https://a:b@mapae.example/install#abcdefghijklmnop",
            "https://mapae.example/other#abcdefghijklmnop",
            "https://mapae.example/install#abcdefghijklm%00p",
        ] {
            assert_eq!(InvitationLink::parse(text), Err(NotAnInvitation), "{text}");
        }
    }

    #[test]
    fn the_birth_date_is_read_from_the_number_with_its_century() {
        assert_eq!(&**birth_date_of("870314-1234567"), "19870314");
        assert_eq!(&**birth_date_of("0203143234567"), "20020314");
        assert_eq!(&**birth_date_of("870314-9234567"), "870314");
        assert_eq!(&**birth_date_of("8703"), "");
    }
}
