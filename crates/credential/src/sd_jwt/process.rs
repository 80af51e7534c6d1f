//! Putting disclosures back where their digests stand (RFC 9901 §7.1 step 3).

use keys::encoding::{b64url_decode, b64url_encode};
use keys::{sha256, strict_json};
use serde_json::{Map, Value};

use super::{MAX_CLAIM_DEPTH, NEVER_DISCLOSED, SD_ALG, SdJwtError};
use crate::path::Step;

/// A disclosure's contents.
enum Content {
    Member(String, Value),
    Element(Value),
}

/// The payload with every disclosure in its place, and for each disclosure the path of its claim.
pub(super) struct Processed {
    pub(super) claims: Map<String, Value>,
    pub(super) paths: Vec<Vec<Step>>,
}

pub(super) fn process(
    mut payload: Map<String, Value>,
    disclosures: &[&str],
) -> Result<Processed, SdJwtError> {
    match payload.remove("_sd_alg") {
        None => {}
        Some(Value::String(alg)) if alg == SD_ALG => {}
        Some(_) => return Err(SdJwtError::HashAlgorithm),
    }
    let mut digests: Vec<(String, usize)> = disclosures
        .iter()
        .enumerate()
        .map(|(at, encoded)| (b64url_encode(&sha256(encoded.as_bytes())), at))
        .collect();
    digests.sort_unstable();
    if digests.array_windows().any(|[(a, _), (b, _)]| a == b) {
        return Err(SdJwtError::DuplicateDisclosure);
    }
    let mut process = Process {
        contents: disclosures.iter().map(|encoded| content(encoded).map(Some)).collect::<Result<_, _>>()?,
        paths: vec![None; disclosures.len()],
        digests,
        seen: Vec::new(),
        path: Vec::new(),
    };
    let claims = process.object(payload, false)?;
    process.seen.sort_unstable();
    if process.seen.array_windows().any(|[a, b]| a == b) {
        return Err(SdJwtError::DuplicateDigest);
    }
    let paths = process.paths.into_iter().collect::<Option<_>>().ok_or(SdJwtError::UnreferencedDisclosure)?;
    Ok(Processed { claims, paths })
}

fn content(encoded: &str) -> Result<Content, SdJwtError> {
    let clear = b64url_decode(encoded).map_err(|_| SdJwtError::MalformedDisclosure)?;
    let Ok(Value::Array(parts)) = strict_json::value(&clear) else {
        return Err(SdJwtError::MalformedDisclosure);
    };
    match <[Value; 3]>::try_from(parts) {
        Ok([Value::String(_salt), Value::String(name), value]) => Ok(Content::Member(name, value)),
        Ok(_) => Err(SdJwtError::MalformedDisclosure),
        Err(parts) => match <[Value; 2]>::try_from(parts) {
            Ok([Value::String(_salt), value]) => Ok(Content::Element(value)),
            _ => Err(SdJwtError::MalformedDisclosure),
        },
    }
}

struct Process {
    /// Digest → place of its disclosure, sorted.
    digests: Vec<(String, usize)>,
    contents: Vec<Option<Content>>,
    paths: Vec<Option<Vec<Step>>>,
    /// Every digest met in payload and disclosures.
    seen: Vec<String>,
    /// Where the walk stands.
    path: Vec<Step>,
}

impl Process {
    /// `fixed`: within a claim that SD-JWT VC never lets be disclosed, not even in part.
    fn object(
        &mut self,
        mut members: Map<String, Value>,
        fixed: bool,
    ) -> Result<Map<String, Value>, SdJwtError> {
        let digests = match members.remove("_sd") {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(SdJwtError::Malformed),
        };
        // `...` stands alone in array elements only; `_sd_alg` at the top only, where it was taken away.
        if members.contains_key("...") || members.contains_key("_sd_alg") {
            return Err(SdJwtError::MisplacedDigest);
        }
        let top = self.path.is_empty();
        let mut out = Map::new();
        for (name, value) in members {
            let fixed = fixed || (top && NEVER_DISCLOSED.contains(&name.as_str()));
            let value = self.below(Step::Key(name.clone()), |process| process.value(value, fixed))?;
            out.insert(name, value);
        }
        for digest in digests {
            let Value::String(digest) = digest else { return Err(SdJwtError::Malformed) };
            let Some((at, content)) = self.disclosed(digest)? else { continue };
            let Content::Member(name, value) = content else { return Err(SdJwtError::MalformedDisclosure) };
            let never = top && NEVER_DISCLOSED.contains(&name.as_str());
            if fixed || never || matches!(name.as_str(), "_sd" | "..." | "_sd_alg") {
                return Err(SdJwtError::ForbiddenName);
            }
            if out.contains_key(&name) {
                return Err(SdJwtError::NameTaken);
            }
            let value = self.below(Step::Key(name.clone()), |process| {
                process.place(at);
                process.value(value, false)
            })?;
            out.insert(name, value);
        }
        Ok(out)
    }

    fn array(&mut self, items: Vec<Value>, fixed: bool) -> Result<Vec<Value>, SdJwtError> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let step = Step::Index(out.len());
            match item {
                Value::Object(mut members) if members.len() == 1 && members.contains_key("...") => {
                    let Some(Value::String(digest)) = members.remove("...") else {
                        return Err(SdJwtError::Malformed);
                    };
                    let Some((at, content)) = self.disclosed(digest)? else { continue };
                    let Content::Element(value) = content else {
                        return Err(SdJwtError::MalformedDisclosure);
                    };
                    if fixed {
                        return Err(SdJwtError::ForbiddenName);
                    }
                    out.push(self.below(step, |process| {
                        process.place(at);
                        process.value(value, false)
                    })?);
                }
                item => out.push(self.below(step, |process| process.value(item, fixed))?),
            }
        }
        Ok(out)
    }

    fn value(&mut self, value: Value, fixed: bool) -> Result<Value, SdJwtError> {
        match value {
            Value::Object(members) => self.object(members, fixed).map(Value::Object),
            Value::Array(items) => self.array(items, fixed).map(Value::Array),
            plain => Ok(plain),
        }
    }

    /// The disclosure of that digest, if it was given; taken, so that it can't be met again.
    fn disclosed(&mut self, digest: String) -> Result<Option<(usize, Content)>, SdJwtError> {
        let found = self.digests.binary_search_by(|(known, _)| known.as_str().cmp(&digest));
        self.seen.push(digest);
        let Some((_, at)) = found.ok().and_then(|found| self.digests.get(found)) else { return Ok(None) };
        let content = self.contents.get_mut(*at).and_then(Option::take).ok_or(SdJwtError::DuplicateDigest)?;
        Ok(Some((*at, content)))
    }

    /// Notes where a disclosure belongs.
    fn place(&mut self, disclosure: usize) {
        let path = self.path.clone();
        if let Some(place) = self.paths.get_mut(disclosure) {
            *place = Some(path);
        }
    }

    fn below<T>(
        &mut self,
        step: Step,
        act: impl FnOnce(&mut Self) -> Result<T, SdJwtError>,
    ) -> Result<T, SdJwtError> {
        if self.path.len() >= MAX_CLAIM_DEPTH {
            return Err(SdJwtError::TooDeep);
        }
        self.path.push(step);
        let result = act(self);
        self.path.pop();
        result
    }
}
