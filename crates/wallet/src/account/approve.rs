//! Approving a login, vouching for holder keys, and asking for a fresh offer.

use keys::encoding::b64url_encode;
use keys::{Jwk, sha256};
use openid::approval::approved_part;

use crate::account::client::AccountError;
use crate::account::messages::{
    Approval, Approved, Instruction, KeyAttestationRequest, KeyAttested, OfferRequest, Offered,
    WalletAttestationRequest, WalletAttested, code,
};
use crate::pin::Pin;
use crate::ports::Shell;
use crate::secret::Secret;
use crate::wallet::Wallet;

/// What an approval covers: base64url SHA-256 of the signed part of the request object.
pub fn request_hash(request_object: &str) -> Option<String> {
    Some(b64url_encode(&sha256(approved_part(request_object)?.as_bytes())))
}

impl<S: Shell> Wallet<S> {
    /// Tells the wallet provider "I approve this request, I read this number": with the device key alone, or in
    /// a PIN instruction. Repeating it after a lost reply is no error.
    pub async fn approve(
        &mut self,
        request_hash: &str,
        number: Option<&str>,
        pin: Option<&Pin>,
    ) -> Result<(), AccountError> {
        let approval = Approval { request_hash: request_hash.to_owned(), number: number.map(str::to_owned) };
        match pin {
            Some(pin) => {
                let salt = self.pin_salt()?;
                self.instruct(pin, &salt, Instruction::Approve(approval)).await
            }
            None => {
                let first: Result<Approved, AccountError> =
                    self.account_post("/approvals", approval.clone()).await;
                match first {
                    Err(error) if error.is("answer_lost") => {
                        // Said twice it counts once; "said before" is then our own first word.
                        match self.account_post::<_, Approved>("/approvals", approval).await {
                            Err(error) if error.is(code::ALREADY_APPROVED) => Ok(()),
                            other => other.map(|_| ()),
                        }
                    }
                    other => other.map(|_| ()),
                }
            }
        }
    }

    /// Asks the wallet provider to vouch for holder keys towards an issuer.
    pub async fn attest_keys(&self, keys: Vec<Jwk>, nonce: Option<&str>) -> Result<String, AccountError> {
        let request = KeyAttestationRequest { nonce: nonce.map(str::to_owned), keys };
        let attested: KeyAttested = self.account_post("/key-attestations", request).await?;
        Ok(attested.key_attestation)
    }

    /// Asks the wallet provider to vouch for this wallet with a key that is made for one issuer.
    pub async fn attest_wallet(&self, key: Jwk) -> Result<WalletAttested, AccountError> {
        self.account_post("/wallet-attestations", WalletAttestationRequest { key }).await
    }

    /// Asks for a fresh offer of the badge: the first one expired, or the copies run out.
    pub async fn request_offer(&mut self) -> Result<String, AccountError> {
        let offered: Offered = self.account_post("/offers", OfferRequest {}).await?;
        let offer = Secret::new(offered.offer.clone());
        self.update(|state| {
            if let Some(account) = &mut state.account {
                account.offer = Some(offer);
            }
        })
        .await?;
        Ok(offered.offer)
    }
}
