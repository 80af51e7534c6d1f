//! Speaking to the wallet provider: device-signed messages out, problem documents or answers in.

use keys::PublicKey;
use keys::encoding::b64url_encode;
use keys::jws::{Header, SigningInput};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::account::messages::{BASE_PATH, DEVICE_SCHEME, Envelope, Message, Refusal, Signed, code};
use crate::pin::WeakPin;
use crate::ports::{
    Clock as _, Http as _, HttpError, KeyError, KeyHandle, KeyStore as _, Request, Response, Shell,
};
use crate::state::Device;
use crate::wallet::{DeviceError, OpenError, Wallet};

/// Why something at the wallet provider did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// This phone has no account yet.
    #[error("this phone is not enrolled yet")]
    NotEnrolled,
    /// There is an account already.
    #[error("this phone is enrolled already")]
    AlreadyEnrolled,
    /// No enrolment is under way.
    #[error("no enrolment is under way; start with the link and the activation code")]
    NoEnrolment,
    /// The PIN is too easy to guess; nothing was sent.
    #[error(transparent)]
    WeakPin(#[from] WeakPin),
    /// The server judged the PIN wrong.
    #[error("wrong PIN, {tries_left} tries left")]
    WrongPin {
        /// Tries left; 0 means locked.
        tries_left: u32,
    },
    /// The PIN was right, but what was asked can't be done.
    #[error("the PIN was right, but the instruction was refused: {code}")]
    InstructionRefused {
        /// Stable code.
        code: String,
    },
    /// The server refused; its text is made for people and holds no personal data.
    #[error("{detail} ({code})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// Text in the language asked for.
        detail: String,
        /// Tries left, where something was counted.
        tries_left: Option<u32>,
        /// Last sequence number, where it was stale.
        sequence: Option<u64>,
    },
    /// The instruction went out, but no answer came: [`crate::Wallet::resume`] asks for it again.
    #[error("the answer is not known yet; try again when the network is back")]
    AnswerUnknown,
    /// The answer is not what the protocol says or not signed by the server.
    #[error("the server's answer can't be used: {0}")]
    Protocol(&'static str),
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The device key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] OpenError),
}

impl AccountError {
    /// Stable code; the server's own where it refused.
    pub fn code(&self) -> &str {
        match self {
            AccountError::NotEnrolled => "not_enrolled",
            AccountError::AlreadyEnrolled => "already_enrolled",
            AccountError::NoEnrolment => "no_enrolment",
            AccountError::WeakPin(weak) => weak.code(),
            AccountError::WrongPin { tries_left: 0 } => code::LOCKED,
            AccountError::WrongPin { .. } => "wrong_pin",
            AccountError::InstructionRefused { code } | AccountError::Refused { code, .. } => code,
            AccountError::AnswerUnknown => "answer_unknown",
            AccountError::Protocol(_) => "protocol",
            AccountError::Http(HttpError::Unreachable) => "unreachable",
            AccountError::Http(HttpError::AnswerLost) => "answer_lost",
            AccountError::Http(_) => "http",
            AccountError::Key(_) => "device_key",
            AccountError::Vault(error) => error.code(),
        }
    }

    /// Whether the server refused with this code.
    pub fn is(&self, code: &str) -> bool {
        self.code() == code
    }
}

impl From<DeviceError> for AccountError {
    fn from(error: DeviceError) -> AccountError {
        match error {
            DeviceError::Key(error) => AccountError::Key(error),
            DeviceError::Open(error) => AccountError::Vault(error),
        }
    }
}

/// Reads a 2xx answer, or the refusal.
pub(super) fn read<T: DeserializeOwned>(response: &Response) -> Result<T, AccountError> {
    if response.is_success() {
        return serde_json::from_slice(&response.body)
            .map_err(|_| AccountError::Protocol("an answer of another shape"));
    }
    let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_else(|_| Refusal {
        code: format!("http_{}", response.status),
        detail: format!("the server answered {}", response.status),
        tries_left: None,
        sequence: None,
    });
    Err(AccountError::Refused {
        status: response.status,
        code: refusal.code,
        detail: refusal.detail,
        tries_left: refusal.tries_left,
        sequence: refusal.sequence,
    })
}

/// Where the wallet provider of this base URL answers `path`.
pub(super) fn endpoint(provider: &str, path: &str) -> String {
    format!("{}{BASE_PATH}{path}", provider.trim_end_matches('/'))
}

/// Who speaks to the wallet provider: which account (or onboarding), with which device key.
pub(super) struct Speaker<'a> {
    provider: &'a str,
    subject: &'a str,
    handle: &'a KeyHandle,
    public_key: PublicKey,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(
        provider: &'a str,
        subject: &'a str,
        device: &'a Device,
    ) -> Result<Speaker<'a>, AccountError> {
        let public_key = PublicKey::from_jwk(&device.public_key).map_err(|_| KeyError::Missing)?;
        Ok(Speaker { provider, subject, handle: &device.handle, public_key })
    }
}

/// A message signed by the device key. Where the server does not know that key yet, it stands in the header.
pub(super) async fn device_signed<S: Shell, M: Message>(
    shell: &S,
    speaker: &Speaker<'_>,
    message: M,
) -> Result<String, AccountError> {
    let mut header = Header::es256(M::TYP).with_kid(speaker.public_key.thumbprint());
    if M::INTRODUCES_DEVICE {
        header = header.with_jwk(speaker.public_key.to_jwk());
    }
    let payload = serde_json::to_vec(&Signed {
        aud: speaker.provider.to_owned(),
        account: speaker.subject.to_owned(),
        iat: shell.clock().now_s(),
        jti: b64url_encode(&keys::random::bytes::<16>()),
        message,
    })
    .map_err(|_| AccountError::Protocol("a message that can't be written"))?;
    let input = SigningInput::new(&header, &payload);
    let signature = shell.keys().sign(speaker.handle, input.as_bytes()).await?;
    Ok(input.finish(&signature))
}

/// GETs with a device-signed header.
pub(super) async fn get_as_device<S: Shell, M: Message, R: DeserializeOwned>(
    shell: &S,
    speaker: &Speaker<'_>,
    path: &str,
    message: M,
) -> Result<R, AccountError> {
    let signed = device_signed(shell, speaker, message).await?;
    let request = Request::get(endpoint(speaker.provider, path))
        .header("authorization", format!("{DEVICE_SCHEME} {signed}"));
    read(&shell.http().send(request).await?)
}

/// POSTs JSON, with a bearer token where there is one.
pub(super) async fn post_to<S: Shell, B: Serialize, R: DeserializeOwned>(
    shell: &S,
    provider: &str,
    path: &str,
    bearer: Option<&str>,
    body: &B,
) -> Result<R, AccountError> {
    let body =
        serde_json::to_vec(body).map_err(|_| AccountError::Protocol("a message that can't be written"))?;
    let mut request = Request::json_bytes(endpoint(provider, path), body);
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    read(&shell.http().send(request).await?)
}

/// What the browser gave, as much of it as is needed.
pub(super) fn read_json<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, AccountError> {
    T::deserialize(value).map_err(|_| AccountError::Protocol("a passkey answer of another shape"))
}

impl<S: Shell> Wallet<S> {
    /// Signs a message with the device key; `subject` is the account (or onboarding) id.
    pub(super) async fn device_sign<M: Message>(
        &self,
        provider: &str,
        subject: &str,
        message: M,
    ) -> Result<String, AccountError> {
        let device = self.state().device.as_ref().ok_or(KeyError::Missing)?;
        device_signed(self.shell(), &Speaker::new(provider, subject, device)?, message).await
    }

    pub(super) fn speaker(&self) -> Result<Speaker<'_>, AccountError> {
        let account = self.state().account.as_ref().ok_or(AccountError::NotEnrolled)?;
        let device = self.state().device.as_ref().ok_or(KeyError::Missing)?;
        Speaker::new(&account.provider, &account.id, device)
    }

    /// Signs for the account that is there.
    pub(super) async fn account_sign<M: Message>(&self, message: M) -> Result<String, AccountError> {
        device_signed(self.shell(), &self.speaker()?, message).await
    }

    /// POSTs a device-signed message of the account.
    pub(crate) async fn account_post<M: Message, R: DeserializeOwned>(
        &self,
        path: &str,
        message: M,
    ) -> Result<R, AccountError> {
        let speaker = self.speaker()?;
        let signed = device_signed(self.shell(), &speaker, message).await?;
        post_to(self.shell(), speaker.provider, path, None, &Envelope { signed }).await
    }

    /// GETs with a device-signed header.
    pub(super) async fn account_get<M: Message, R: DeserializeOwned>(
        &self,
        path: &str,
        message: M,
    ) -> Result<R, AccountError> {
        get_as_device(self.shell(), &self.speaker()?, path, message).await
    }

    /// GETs bytes with a device-signed header, at most so many.
    pub(super) async fn account_get_bytes<M: Message>(
        &self,
        path: &str,
        message: M,
        most: usize,
    ) -> Result<Vec<u8>, AccountError> {
        let speaker = self.speaker()?;
        let signed = device_signed(self.shell(), &speaker, message).await?;
        let mut request = Request::get(endpoint(speaker.provider, path))
            .header("authorization", format!("{DEVICE_SCHEME} {signed}"));
        request.max_response = most;
        let response = self.shell().http().send(request).await?;
        if response.is_success() {
            return Ok(response.body);
        }
        let refused: Result<serde_json::Value, AccountError> = read(&response);
        Err(refused.err().unwrap_or(AccountError::Protocol("no bytes")))
    }

    /// POSTs JSON, with the onboarding token where there is one.
    pub(super) async fn post<B: Serialize, R: DeserializeOwned>(
        &self,
        provider: &str,
        path: &str,
        bearer: Option<&str>,
        body: &B,
    ) -> Result<R, AccountError> {
        post_to(self.shell(), provider, path, bearer, body).await
    }
}
