//! Claims path pointer: the one way to name claims in a JSON credential (OpenID4VP 1.0 §7, SD-JWT VC §5.6.1).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The longest path that is read.
pub const MAX_PATH: usize = 16;

/// One step of a [`ClaimPath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The member of that name.
    Key(String),
    /// The array element at that place, from 0.
    Index(usize),
    /// Every element of the array; `null` in JSON.
    Every,
}

/// A non-empty path to one claim or, through `null`, to several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimPath(Vec<Step>);

/// Why a value is no path, or a path selects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("a claim path is a non-empty array")]
    Empty,
    #[error("a claim path has at most {MAX_PATH} steps")]
    TooLong,
    #[error("a step of a claim path is a string, a non-negative integer or null")]
    BadStep,
    #[error("the path asks a name of what is no object")]
    NotAnObject,
    #[error("the path asks an element of what is no array")]
    NotAnArray,
    #[error("the path selects nothing")]
    Nothing,
}

impl ClaimPath {
    /// A path of the given steps.
    pub fn new(steps: Vec<Step>) -> Result<Self, PathError> {
        match steps.len() {
            0 => Err(PathError::Empty),
            1..=MAX_PATH => Ok(Self(steps)),
            _ => Err(PathError::TooLong),
        }
    }

    /// The path to a top-level claim.
    pub fn claim(name: &str) -> Self {
        Self(vec![Step::Key(name.to_owned())])
    }

    /// Reads the JSON form, such as `["degrees", null, "type"]`.
    pub fn from_value(value: &Value) -> Result<Self, PathError> {
        let steps = value.as_array().ok_or(PathError::Empty)?;
        if steps.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        Self::new(steps.iter().map(step).collect::<Result<_, _>>()?)
    }

    /// The steps, at least one.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The name of the top-level claim that the path leads into.
    pub fn top(&self) -> Option<&str> {
        match self.0.first() {
            Some(Step::Key(name)) => Some(name),
            _ => None,
        }
    }

    /// The claims that the path selects: never empty, or the reason why not (OpenID4VP 1.0 §7.1.1).
    pub fn select<'v>(&self, root: &'v Value) -> Result<Vec<&'v Value>, PathError> {
        let mut selected = vec![root];
        for step in &self.0 {
            let mut next = Vec::with_capacity(selected.len());
            for value in selected {
                match step {
                    Step::Key(name) => {
                        next.extend(value.as_object().ok_or(PathError::NotAnObject)?.get(name));
                    }
                    Step::Index(at) => next.extend(value.as_array().ok_or(PathError::NotAnArray)?.get(*at)),
                    Step::Every => next.extend(value.as_array().ok_or(PathError::NotAnArray)?),
                }
            }
            selected = next;
        }
        if selected.is_empty() { Err(PathError::Nothing) } else { Ok(selected) }
    }

    /// Whether the claim at `other` (a path without `null`) is this claim, holds it, or lies within it.
    pub(crate) fn touches(&self, other: &[Step]) -> bool {
        self.0.iter().zip(other).all(|(mine, theirs)| match (mine, theirs) {
            (Step::Every, Step::Index(_)) => true,
            (a, b) => a == b,
        })
    }
}

fn step(value: &Value) -> Result<Step, PathError> {
    match value {
        Value::String(name) => Ok(Step::Key(name.clone())),
        Value::Null => Ok(Step::Every),
        Value::Number(n) => {
            n.as_u64().and_then(|n| usize::try_from(n).ok()).map(Step::Index).ok_or(PathError::BadStep)
        }
        _ => Err(PathError::BadStep),
    }
}

/// `degrees[*].type`: for people and messages, not for parsing.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if at == 0 => f.write_str(name)?,
                Step::Key(name) => write!(f, ".{name}")?,
                Step::Index(i) => write!(f, "[{i}]")?,
                Step::Every => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for ClaimPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|step| match step {
            Step::Key(name) => Value::from(name.as_str()),
            Step::Index(at) => Value::from(*at),
            Step::Every => Value::Null,
        }))
    }
}

impl<'de> Deserialize<'de> for ClaimPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of OpenID4VP 1.0 §7.3.
    fn arthur() -> Value {
        json!({
            "name": "Arthur Dent",
            "address": {"street_address": "42 Market Street", "locality": "Milliways", "postal_code": "12345"},
            "degrees": [
                {"type": "Bachelor of Science", "university": "University of Betelgeuse"},
                {"type": "Master of Science", "university": "University of Betelgeuse"}
            ],
            "nationalities": ["British", "Betelgeusian"]
        })
    }

    fn select(path: Value) -> Result<Vec<Value>, PathError> {
        let root = arthur();
        Ok(ClaimPath::from_value(&path)?.select(&root)?.into_iter().cloned().collect())
    }

    #[test]
    fn the_examples_of_the_standard_select_what_it_says() {
        assert_eq!(select(json!(["name"])), Ok(vec![json!("Arthur Dent")]));
        assert_eq!(select(json!(["address", "street_address"])), Ok(vec![json!("42 Market Street")]));
        assert_eq!(
            select(json!(["degrees", null, "type"])),
            Ok(vec![json!("Bachelor of Science"), json!("Master of Science")])
        );
        assert_eq!(select(json!(["nationalities", 1])), Ok(vec![json!("Betelgeusian")]));
    }

    #[test]
    fn a_path_that_does_not_fit_says_why() {
        assert_eq!(select(json!(["name", "first"])), Err(PathError::NotAnObject));
        assert_eq!(select(json!(["name", null])), Err(PathError::NotAnArray));
        assert_eq!(select(json!(["name", 0])), Err(PathError::NotAnArray));
        assert_eq!(select(json!(["nationalities", 2])), Err(PathError::Nothing));
        assert_eq!(select(json!(["no_such"])), Err(PathError::Nothing));
        assert_eq!(select(json!([])), Err(PathError::Empty));
        assert_eq!(select(json!("name")), Err(PathError::Empty));
        assert_eq!(select(json!(["a", -1])), Err(PathError::BadStep));
        assert_eq!(select(json!(["a", 1.5])), Err(PathError::BadStep));
        assert_eq!(select(json!(["a", {}])), Err(PathError::BadStep));
        assert_eq!(select(Value::from(vec!["a"; MAX_PATH + 1])), Err(PathError::TooLong));
    }

    #[test]
    fn a_path_reads_back_as_it_was_written() {
        for path in [json!(["a"]), json!(["a", null, 3, "b"])] {
            let parsed: ClaimPath = serde_json::from_value(path.clone()).unwrap();
            assert_eq!(serde_json::to_value(&parsed).unwrap(), path);
        }
        assert_eq!(
            ClaimPath::from_value(&json!(["degrees", null, "type"])).unwrap().to_string(),
            "degrees[*].type"
        );
    }
}
