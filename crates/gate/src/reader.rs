//! The reader's side of a tap. Each step consumes the one before it, so that none is left out or done twice.
//!
//! ```text
//! select() ─▶ Selecting ─▶ Opening ─▶ Answered ─┬─ fast(key) ───────────────▶ Tap ─decide()▶ Closing ─▶ ()
//!                                               └─ prove() ─▶ Proving (─▶ …) ─▶ Tap
//! ```

use alloc::vec::Vec;

use keys::{PublicKey, SecretKey, SignError, Signature, Signer};

use crate::apdu::{MAX_RESPONSE, SHORT, Status, split};
use crate::fast::{Kept, Remembered, day_of};
use crate::pass::{Pass, PassError};
use crate::session::{Key, SessionKeys, Transcript, open};
use crate::wire::{AID, Auth0, Auth0Answer, Auth1, Auth1Answer, Evidence, Fci, GateId, Instruction, Verdict};

/// Why a tap came to nothing before a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TapError {
    /// The phone is locked.
    #[error("the phone is locked")]
    Locked,
    /// The phone has no gate pass.
    #[error("the phone has no gate pass")]
    NoPass,
    /// Another application or version than ours answers.
    #[error("no official badge answers")]
    NotOurs,
    /// The card refused with this status word.
    #[error("the card refused: {:04x}", .0.0)]
    Refused(Status),
    /// An answer that can't be read.
    #[error("the card's answer is malformed")]
    Malformed,
    /// The card's proof does not hold.
    #[error("the card's proof does not hold")]
    Proof,
    /// The pass is no pass of ours.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The reader's own key could not sign.
    #[error("the reader's key could not sign")]
    Sign,
}

impl TapError {
    /// Stable code, as in the passage log.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Locked => "phone_locked",
            Self::NoPass => "no_pass",
            Self::NotOurs => "not_ours",
            Self::Refused(_) => "card_refused",
            Self::Malformed => "card_malformed",
            Self::Proof => "card_proof",
            Self::Pass(_) => "pass_untrusted",
            Self::Sign => "reader_key",
        }
    }
}

impl From<SignError> for TapError {
    fn from(_: SignError) -> Self {
        Self::Sign
    }
}

fn data(response: &[u8]) -> Result<&[u8], TapError> {
    match split(response).ok_or(TapError::Malformed)? {
        (data, Status::OK) => Ok(data),
        (_, Status::CONDITIONS) => Err(TapError::Locked),
        (_, Status::NO_PASS) => Err(TapError::NoPass),
        (_, Status::NO_APPLICATION) => Err(TapError::NotOurs),
        (_, status) => Err(TapError::Refused(status)),
    }
}

/// What a reader draws for one tap.
#[derive(Debug)]
pub struct Draw {
    /// Used for this tap only.
    pub ephemeral: SecretKey,
    /// Used for this tap only.
    pub transaction: [u8; 16],
}

impl Draw {
    /// From the system's randomness.
    pub fn fresh() -> Self {
        Self { ephemeral: SecretKey::generate(), transaction: keys::random::bytes() }
    }
}

/// Who the reader is: its certificate and the key in it.
pub struct Identity {
    /// As the authority signed it.
    pub certificate: Vec<u8>,
    /// The key.
    pub signer: alloc::sync::Arc<dyn Signer>,
}

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// SELECT was sent.
#[derive(Debug)]
pub struct Selecting(());

/// Begins: the SELECT command.
pub fn select() -> (Vec<u8>, Selecting) {
    (Instruction::Select.command(&AID, SHORT), Selecting(()))
}

impl Selecting {
    /// The answer to SELECT; gives AUTH0. `fast`: whether this reader would take the fast way now.
    ///
    /// # Errors
    /// Another application, another version.
    pub fn answered(
        self,
        response: &[u8],
        draw: Draw,
        gate: GateId,
        now_s: i64,
        fast: bool,
    ) -> Result<(Vec<u8>, Opening), TapError> {
        let template = data(response)?.to_vec();
        let fci = Fci::parse(&template).ok_or(TapError::NotOurs)?;
        let said = Auth0 {
            fast,
            day: day_of(now_s),
            transaction: draw.transaction,
            gate,
            ephemeral: draw.ephemeral.public_key().clone(),
        }
        .to_bytes();
        let command = Instruction::Auth0.command(&said, SHORT);
        Ok((command, Opening { template, fci, said, fast, ephemeral: draw.ephemeral }))
    }
}

/// AUTH0 was sent.
#[derive(Debug)]
pub struct Opening {
    template: Vec<u8>,
    fci: Fci,
    said: Vec<u8>,
    fast: bool,
    ephemeral: SecretKey,
}

impl Opening {
    /// The answer to AUTH0.
    ///
    /// # Errors
    /// The phone is locked, has no pass, or answers something else.
    pub fn answered(self, response: &[u8]) -> Result<Answered, TapError> {
        let bytes = data(response)?;
        let answer = Auth0Answer::parse(bytes).ok_or(TapError::Malformed)?;
        if answer.fast.is_some() && !self.fast {
            return Err(TapError::Malformed);
        }
        let begun = Transcript::begin(&self.template, &self.said, &answer.ephemeral);
        Ok(Answered {
            begun,
            transcript: begun.and(bytes),
            fci: self.fci,
            own: self.ephemeral,
            card: answer.ephemeral,
            fast: answer.fast,
        })
    }
}

/// The card answered AUTH0.
pub struct Answered {
    begun: Transcript,
    transcript: Transcript,
    fci: Fci,
    own: SecretKey,
    card: PublicKey,
    fast: Option<([u8; 8], Vec<u8>)>,
}

impl core::fmt::Debug for Answered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Answered(…)")
    }
}

impl Answered {
    /// The hint of the fast way, if the card took it up: look for the key that it means.
    pub fn hint(&self) -> Option<&[u8; 8]> {
        self.fast.as_ref().map(|(hint, _)| hint)
    }

    /// Takes the fast way with the key that the hint meant; `None` if the cryptogram is another key's: then
    /// [`Answered::prove`].
    pub fn fast(&self, kept: &Kept) -> Option<Tap> {
        let (_, sealed) = self.fast.as_ref()?;
        let (cryptogram, keys) = self.begun.fast(&kept.key);
        let evidence = Evidence::parse(&open(&cryptogram, 0, sealed)?)?;
        Some(Tap { pass: kept.pass.clone(), evidence, fast: true, keys, persistent: None })
    }

    /// Takes the standard way: AUTH1.
    ///
    /// # Errors
    /// The reader's key could not sign.
    pub fn prove(self, identity: &Identity) -> Result<(Vec<u8>, Proving), TapError> {
        let says = self.transcript.reader_says(&identity.certificate);
        let signature = identity.signer.sign(&says)?.to_bytes();
        let said = Auth1 { certificate: &identity.certificate, signature }.to_bytes();
        let command = Instruction::Auth1.command(&said, self.fci.expected());
        Ok((command, self.proved_with(&said)))
    }

    /// After an AUTH1 with this data.
    pub(crate) fn proved_with(self, said: &[u8]) -> Proving {
        let transcript = self.transcript.and(said);
        let agreed = transcript.keys(&self.own, &self.card);
        let persistent = agreed.persistent(&transcript);
        Proving { transcript, keys: agreed.keys, persistent, pieces: Vec::new() }
    }
}

/// AUTH1 was sent.
pub struct Proving {
    transcript: Transcript,
    keys: SessionKeys,
    persistent: Key,
    pieces: Vec<u8>,
}

impl core::fmt::Debug for Proving {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Proving(…)")
    }
}

/// What comes after AUTH1.
#[derive(Debug)]
pub enum Proved {
    /// A piece came; send this for the next.
    More(Vec<u8>, Proving),
    /// The card proved itself.
    Tap(Tap),
}

impl Proving {
    /// An answer to AUTH1 or to GET RESPONSE.
    ///
    /// # Errors
    /// The card refused, or its proof or pass does not hold.
    pub fn answered(mut self, response: &[u8], authorities: &[PublicKey]) -> Result<Proved, TapError> {
        let (piece, status) = split(response).ok_or(TapError::Malformed)?;
        if status.is_more() {
            if piece.is_empty() || self.pieces.len() + piece.len() > MAX_RESPONSE {
                return Err(TapError::Malformed);
            }
            self.pieces.extend_from_slice(piece);
            return Ok(Proved::More(Instruction::GetResponse.command(&[], SHORT), self));
        }
        self.pieces.extend_from_slice(data(response)?);
        if self.pieces.len() > MAX_RESPONSE {
            return Err(TapError::Malformed);
        }
        let plain = self.keys.card_opens(0, &self.pieces).ok_or(TapError::Proof)?;
        let answer = Auth1Answer::parse(&plain).ok_or(TapError::Malformed)?;
        let pass = Pass::verify(answer.pass, authorities)?;
        let says = self.transcript.card_says(&answer.evidence.to_bytes(), answer.pass);
        Signature::from_bytes(&answer.signature)
            .and_then(|signature| pass.key.verify(&says, &signature))
            .map_err(|_| TapError::Proof)?;
        let persistent = Some(self.persistent);
        Ok(Proved::Tap(Tap { pass, evidence: answer.evidence, fast: false, keys: self.keys, persistent }))
    }
}

/// A card that proved itself: who, and how the phone stands.
pub struct Tap {
    /// What the pass says. Whether it is over is for the decision.
    pub pass: Pass,
    /// The phone's word about its lock.
    pub evidence: Evidence,
    /// Whether it came the fast way.
    pub fast: bool,
    keys: SessionKeys,
    persistent: Option<Key>,
}

impl core::fmt::Debug for Tap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Tap({:?}, {:?}, fast: {})", self.pass.gate_ref, self.evidence, self.fast)
    }
}

impl Tap {
    /// Tells the phone what was decided: EXCHANGE. With `verdict.keep` after a standard tap there is a key to keep, once
    /// the card has confirmed.
    ///
    /// # Errors
    /// None in practice: sealing a short text.
    pub fn decide(self, verdict: &Verdict) -> Result<(Vec<u8>, Closing), TapError> {
        let sealed = self.keys.reader_seals(0, &verdict.to_bytes()).ok_or(TapError::Malformed)?;
        let pass = self.pass;
        let remembered = self.persistent.filter(|_| verdict.keep).map(|key| Remembered { key, pass });
        let command = Instruction::Exchange.command(&sealed, SHORT);
        Ok((command, Closing { keys: self.keys, open: verdict.open, remembered }))
    }
}

/// EXCHANGE was sent.
pub struct Closing {
    keys: SessionKeys,
    open: bool,
    remembered: Option<Remembered>,
}

impl core::fmt::Debug for Closing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Closing(…)")
    }
}

impl Closing {
    /// The card confirms what it was told; gives the key to keep.
    ///
    /// # Errors
    /// The card took away from the field, or says something else.
    pub fn answered(self, response: &[u8]) -> Result<Option<Remembered>, TapError> {
        let said = self.keys.card_opens(1, data(response)?).ok_or(TapError::Proof)?;
        if said.as_slice() == [u8::from(self.open)] { Ok(self.remembered) } else { Err(TapError::Proof) }
    }
}
