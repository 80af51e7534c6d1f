//! Chains and revocation: whether a certificate was good at a time, by material that is at hand.

use keys::x509::{Certificate, ChainError, MAX_CHAIN, Purpose, verify_chain};

use super::Finding;
use crate::revocation::{Crl, OcspAnswer, State};

/// How far another clock may be ahead, in seconds.
const SKEW_S: i64 = 300;

/// Whether material about revocation must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocations {
    /// Without it the answer is "unknown".
    Required,
    /// What is there is used; what is missing is waived.
    WhereKnown,
}

/// What the one who checks trusts and knows.
#[derive(Debug, Clone)]
pub struct Trust<'a> {
    /// Authorities that are trusted for signatures and timestamps.
    pub anchors: &'a [Certificate],
    /// Lists known from elsewhere.
    pub crls: &'a [Crl],
    /// Now, in seconds since 1970.
    pub now: i64,
    /// Whether revocation must be known.
    pub revocations: Revocations,
}

/// Everything a document brings along, and what the one who checks knows.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) certificates: Vec<Certificate>,
    /// With whether the document brought it.
    pub(super) crls: Vec<(Crl, bool)>,
    pub(super) ocsps: Vec<OcspAnswer>,
}

/// A certificate that was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Good {
    /// Everything needed to say so came with the document.
    pub(super) self_contained: bool,
    /// When the oldest material used was made; none where none was needed or there.
    pub(super) material_of: Option<i64>,
}

impl Pool {
    pub(super) fn add(&mut self, certificates: &[Certificate]) {
        for certificate in certificates {
            if !self.certificates.contains(certificate) {
                self.certificates.push(certificate.clone());
            }
        }
    }

    /// Checks a certificate at a time: chain, purpose, revocation of each certificate below the anchor.
    pub(super) fn check(
        &self,
        leaf: &Certificate,
        purpose: Purpose,
        at: i64,
        trust: &Trust<'_>,
    ) -> Result<Good, Finding> {
        let chain = self.chain(leaf, trust.anchors);
        let x5c: Vec<Vec<u8>> = chain.iter().map(|certificate| certificate.der().to_vec()).collect();
        verify_chain(&x5c, trust.anchors, at, purpose).map_err(|error| match error {
            ChainError::Expired => Finding::Expired(at),
            ChainError::NotYetValid => Finding::NotYetValid(at),
            ChainError::WrongPurpose | ChainError::NotALeaf => Finding::WrongPurpose,
            _ => Finding::Untrusted,
        })?;
        let mut good = Good { self_contained: true, material_of: None };
        for (place, certificate) in chain.iter().enumerate() {
            let issuer = match chain.get(place + 1) {
                Some(next) => next,
                None => trust
                    .anchors
                    .iter()
                    .find(|anchor| issued(anchor, certificate))
                    .ok_or(Finding::Untrusted)?,
            };
            match self.revocation(certificate, issuer, at, trust.now)? {
                Some((made, embedded)) => {
                    good.self_contained &= embedded;
                    good.material_of = Some(good.material_of.map_or(made, |other| other.min(made)));
                }
                None if trust.revocations == Revocations::Required => return Err(Finding::RevocationUnknown),
                None => good.self_contained = false,
            }
        }
        Ok(good)
    }

    /// From the leaf up to the one that an anchor issued.
    fn chain(&self, leaf: &Certificate, anchors: &[Certificate]) -> Vec<Certificate> {
        let mut chain = vec![leaf.clone()];
        while chain.len() < MAX_CHAIN {
            let Some(last) = chain.last() else { break };
            if anchors.iter().any(|anchor| issued(anchor, last)) {
                break;
            }
            let above = self.certificates.iter().find(|other| !chain.contains(other) && issued(other, last));
            match above {
                Some(above) => chain.push(above.clone()),
                None => break,
            }
        }
        chain
    }

    /// When the newest material that calls it good was made and whether it came along; none where there is none.
    fn revocation(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        at: i64,
        now: i64,
    ) -> Result<Option<(i64, bool)>, Finding> {
        let serial = certificate.serial();
        let mut told = Vec::new();
        for (list, embedded) in &self.crls {
            if list.is_signed_by(issuer) {
                let state =
                    list.revoked(serial).map_or(State::Good, |one| State::Revoked(one.since, one.reason));
                told.push((state, list.this_update(), list.next_update(), *embedded));
            }
        }
        for answer in &self.ocsps {
            if let Some((state, from, until)) = answer.of(issuer, serial) {
                told.push((state, from, until, true));
            }
        }
        let mut newest = None;
        for (state, from, until, embedded) in told {
            if from > now + SKEW_S {
                continue;
            }
            // Once revoked, always revoked: an old list that says so is enough.
            if let State::Revoked(since, reason) = state
                && since <= at
            {
                return Err(Finding::Revoked(since, reason));
            }
            // It must speak of that time or later, and of a certificate that was there.
            let speaks = until >= at && from >= certificate.not_before() && state != State::Unknown;
            if speaks && newest.is_none_or(|(made, _)| made < from) {
                newest = Some((from, embedded));
            }
        }
        Ok(newest)
    }
}

/// Checks a certificate with what came along and what is known.
pub(crate) fn certificate(
    leaf: &Certificate,
    brought: &[Certificate],
    purpose: Purpose,
    at: i64,
    trust: &Trust<'_>,
) -> Result<(), Finding> {
    let mut pool = Pool::default();
    pool.add(brought);
    pool.crls.extend(trust.crls.iter().map(|list| (list.clone(), false)));
    pool.check(leaf, purpose, at, trust).map(|_| ())
}

fn issued(issuer: &Certificate, subject: &Certificate) -> bool {
    issuer.subject() == subject.issuer() && subject.is_signed_by(issuer.public_key())
}
