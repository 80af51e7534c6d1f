//! The schemas we serve, as one table: what `/Schemas` says, what PATCH may touch, what a response holds.
//!
//! Only attributes that we keep are listed. Of the standard User schema these are few: an HR record of officials is no
//! address book. What an HR system sends beyond them is ignored (RFC 7644 §3.3), never stored.

use serde_json::{Map, Value, json};

use super::filter::AttrPath;

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(super) const OFFICIAL: &str = "urn:mapae:params:scim:schemas:extension:1.0:Official";
/// What is written and never read: no part of a resource as it is shown, so no resource type lists it.
pub(super) const IDENTITY: &str = "urn:mapae:params:scim:schemas:extension:1.0:Identity";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const DEPARTMENT: &str = "urn:mapae:params:scim:schemas:extension:1.0:Department";

/// What kind of value an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    Moment,
    /// An address of a resource of this type.
    Reference(&'static str),
    Complex(&'static [Attribute]),
}

/// Who may write it (RFC 7643 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutability {
    ReadWrite,
    ReadOnly,
    /// Set when the resource is made, never changed.
    Immutable,
    /// Taken, never given out.
    WriteOnly,
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) many: bool,
    pub(super) required: bool,
    pub(super) mutability: Mutability,
    /// Given out only when asked for.
    pub(super) on_request: bool,
    pub(super) unique: bool,
    /// Words it may hold, or, where its form has to be known, a fictional value of that form.
    pub(super) words: &'static [&'static str],
    pub(super) description: &'static str,
}

const fn text(name: &'static str, description: &'static str) -> Attribute {
    Attribute {
        name,
        kind: Kind::Text,
        many: false,
        required: false,
        mutability: Mutability::ReadWrite,
        on_request: false,
        unique: false,
        words: &[],
        description,
    }
}

const fn required(attribute: Attribute) -> Attribute {
    Attribute { required: true, ..attribute }
}

const fn kind(kind: Kind, attribute: Attribute) -> Attribute {
    Attribute { kind, ..attribute }
}

const fn on_request(attribute: Attribute) -> Attribute {
    Attribute { on_request: true, ..attribute }
}

const fn read_only(attribute: Attribute) -> Attribute {
    Attribute { mutability: Mutability::ReadOnly, ..attribute }
}

const fn words(words: &'static [&'static str], attribute: Attribute) -> Attribute {
    Attribute { words, ..attribute }
}

const NAME: &[Attribute] = &[required(text("formatted", "The whole name in Korean, family name first."))];

const PHONE: &[Attribute] = &[
    required(words(
        &["010-0000-0000"],
        text("value", "A Korean mobile number, in the form of 010-0000-0000; +82 is understood."),
    )),
    words(&["mobile"], text("type", "Always mobile.")),
];

const MEMBERSHIP: &[Attribute] = &[
    read_only(text("value", "The department's id.")),
    read_only(kind(Kind::Reference("Group"), text("$ref", "Its address."))),
    read_only(text("display", "Its name.")),
];

const USER_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        unique: true,
        ..required(text("userName", "The name in the HR system, unique within an agency."))
    },
    required(kind(Kind::Complex(NAME), text("name", "The official's name."))),
    read_only(text("displayName", "The name again.")),
    text("title", "직위 in Korean."),
    required(kind(
        Kind::Bool,
        text(
            "active",
            "Whether the official may act as one: serving or dispatched. Setting it to false is a leave, which can be taken back; a retirement is said by `employmentStatus`.",
        ),
    )),
    Attribute {
        many: true,
        ..kind(
            Kind::Complex(PHONE),
            text("phoneNumbers", "The mobile number that invitations and codes go to; one at most."),
        )
    },
    Attribute {
        many: true,
        ..read_only(kind(
            Kind::Complex(MEMBERSHIP),
            text("groups", "The department; changed by `departmentCode`."),
        ))
    },
];

const ENTERPRISE_ATTRIBUTES: &[Attribute] = &[
    required(text(
        "employeeNumber",
        "공무원번호, unique within an agency; where it is unsaid, the userName.",
    )),
    on_request(read_only(text("organization", "The agency's name."))),
    on_request(read_only(text("department", "The department's name."))),
];

/// What those are who belong to an agency; `retired` and `dead` end that, and are understood, too.
const STATUS_WORDS: &[&str] = &["serving", "leave", "dispatched"];

const OFFICIAL_ATTRIBUTES: &[Attribute] = &[
    required(text("agency", "행정표준코드 of the agency, seven characters; one that the token reaches.")),
    required(text(
        "departmentCode",
        "The agency's own code of the department. One that is unknown is made, and named by its Group.",
    )),
    required(words(
        STATUS_WORDS,
        text(
            "employmentStatus",
            "serving (재직), leave (휴직), dispatched (파견), retired (퇴직) or dead (사망).",
        ),
    )),
    required(words(&["1970-01-01"], text("birthDate", "YYYY-MM-DD."))),
    text("nameEn", "The name in English, family name first."),
    text("titleEn", "직위 in English."),
    text("rank", "직급 in Korean."),
    text("rankEn", "직급 in English."),
    on_request(read_only(kind(Kind::Int, text("phase", "Roll-out phase of the agency.")))),
    on_request(read_only(kind(
        Kind::Moment,
        text("effectiveAt", "Since when the record says what it says."),
    ))),
    on_request(read_only(text(
        "pending",
        "Id of a change that waits for a person: it would end too many badges at once.",
    ))),
];

const IDENTITY_ATTRIBUTES: &[Attribute] = &[Attribute {
    mutability: Mutability::WriteOnly,
    ..words(
        &["700101-9000001"],
        text("rrn", "Resident registration number. Only a keyed hash of it is kept; it is never given out."),
    )
}];

const MEMBER: &[Attribute] = &[
    read_only(text("value", "The official's id.")),
    read_only(kind(Kind::Reference("User"), text("$ref", "Their address."))),
];

const GROUP_ATTRIBUTES: &[Attribute] = &[
    required(text("displayName", "The department's name in Korean.")),
    Attribute {
        many: true,
        on_request: true,
        ..read_only(kind(
            Kind::Complex(MEMBER),
            text(
                "members",
                "The people of the department, given when asked for; changed by `departmentCode`.",
            ),
        ))
    },
];

const DEPARTMENT_ATTRIBUTES: &[Attribute] = &[
    Attribute {
        mutability: Mutability::Immutable,
        ..required(text("agency", "행정표준코드 of the agency; one that the token reaches."))
    },
    required(text("code", "The agency's own code of the department.")),
    text("nameEn", "The department's name in English."),
    kind(Kind::Reference("User"), text("head", "The address of the official who heads it.")),
    kind(Kind::Reference("Group"), text("parent", "The address of the department above it.")),
];

/// A schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) attributes: &'static [Attribute],
}

pub(super) const SCHEMAS: [Schema; 6] = [
    Schema { id: USER, name: "User", description: "An official.", attributes: USER_ATTRIBUTES },
    Schema {
        id: ENTERPRISE,
        name: "EnterpriseUser",
        description: "What the enterprise extension says of an official.",
        attributes: ENTERPRISE_ATTRIBUTES,
    },
    Schema {
        id: OFFICIAL,
        name: "Official",
        description: "What an HR record of officials holds beyond it.",
        attributes: OFFICIAL_ATTRIBUTES,
    },
    Schema {
        id: IDENTITY,
        name: "Identity",
        description: "What proves who an official is. Users take it and never show it.",
        attributes: IDENTITY_ATTRIBUTES,
    },
    Schema { id: GROUP, name: "Group", description: "A department.", attributes: GROUP_ATTRIBUTES },
    Schema {
        id: DEPARTMENT,
        name: "Department",
        description: "Agency, code, head and place of a department.",
        attributes: DEPARTMENT_ATTRIBUTES,
    },
];

/// A kind of resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResourceType {
    pub(super) name: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) core: &'static str,
    pub(super) extensions: &'static [&'static str],
}

pub(super) const USERS: ResourceType = ResourceType {
    name: "User",
    endpoint: "/Users",
    core: USER,
    extensions: &[ENTERPRISE, OFFICIAL, IDENTITY],
};
pub(super) const GROUPS: ResourceType =
    ResourceType { name: "Group", endpoint: "/Groups", core: GROUP, extensions: &[DEPARTMENT] };

/// Attributes that every resource has (RFC 7643 §3.1) and that may be written or named.
pub(super) const COMMON: &[Attribute] = &[
    read_only(text("id", "Our id.")),
    text("externalId", "The HR system's own id."),
    read_only(kind(Kind::Complex(META), text("meta", "Kept by us."))),
];

const META: &[Attribute] = &[
    read_only(text("resourceType", "User or Group.")),
    read_only(kind(Kind::Moment, text("created", "When we took it in."))),
    read_only(kind(Kind::Moment, text("lastModified", "When it was last written."))),
    read_only(text("location", "Its address.")),
    read_only(text("version", "Its ETag.")),
];

/// Whether a text is the URN of a schema of ours.
pub(super) fn is_schema(urn: &str) -> bool {
    SCHEMAS.iter().any(|schema| schema.id.eq_ignore_ascii_case(urn))
}

/// An attribute found by its path: the extension it lies in (`None`: at the top), itself, and its part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) extension: Option<&'static str>,
    /// `None`: the extension as a whole.
    pub(super) attribute: Option<&'static Attribute>,
    pub(super) sub: Option<&'static Attribute>,
}

fn named(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl ResourceType {
    fn attributes_of(&self, urn: &str) -> Option<(&'static str, &'static [Attribute])> {
        let known = std::iter::once(self.core).chain(self.extensions.iter().copied());
        let id = known.into_iter().find(|id| id.eq_ignore_ascii_case(urn))?;
        SCHEMAS.iter().find(|schema| schema.id == id).map(|schema| (schema.id, schema.attributes))
    }

    /// Finds an attribute; names are compared without regard to case (RFC 7643 §2.1).
    pub(super) fn find(&self, path: &AttrPath) -> Option<Found> {
        let (extension, attributes) = match &path.schema {
            None => (None, self.attributes_of(self.core)?.1),
            Some(urn) => {
                let (id, attributes) = self.attributes_of(urn)?;
                ((id != self.core).then_some(id), attributes)
            }
        };
        if path.attribute.is_empty() {
            return extension.map(|_| Found { extension, attribute: None, sub: None });
        }
        let attribute = named(attributes, &path.attribute)
            .or_else(|| if extension.is_none() { named(COMMON, &path.attribute) } else { None })?;
        let sub = match (&path.sub, attribute.kind) {
            (None, _) => None,
            (Some(sub), Kind::Complex(parts)) => Some(named(parts, sub)?),
            (Some(_), _) => return None,
        };
        Some(Found { extension, attribute: Some(attribute), sub })
    }

    /// Every attribute with the extension it lies in.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<&'static str>, &'static Attribute)> + '_ {
        let extensions = self.extensions.iter().filter_map(|urn| self.attributes_of(urn));
        let core = self.attributes_of(self.core).map(|(_, attributes)| attributes).unwrap_or_default();
        COMMON
            .iter()
            .chain(core)
            .map(|attribute| (None, attribute))
            .chain(extensions.flat_map(|(id, all)| all.iter().map(move |attribute| (Some(id), attribute))))
    }
}

impl Attribute {
    fn json(&self, agencies: &[String]) -> Value {
        let kind = match self.kind {
            Kind::Text => "string",
            Kind::Bool => "boolean",
            Kind::Int => "integer",
            Kind::Moment => "dateTime",
            Kind::Reference(_) => "reference",
            Kind::Complex(_) => "complex",
        };
        let mut out = Map::new();
        out.insert("name".into(), self.name.into());
        out.insert("type".into(), kind.into());
        out.insert("multiValued".into(), self.many.into());
        out.insert("description".into(), self.description.into());
        out.insert("required".into(), self.required.into());
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::Immutable => "immutable",
            Mutability::WriteOnly => "writeOnly",
        };
        out.insert("mutability".into(), mutability.into());
        let returned = match (self.mutability, self.on_request) {
            (Mutability::WriteOnly, _) => "never",
            (_, true) => "request",
            _ => "default",
        };
        out.insert("returned".into(), returned.into());
        match self.kind {
            Kind::Complex(parts) => {
                let parts: Vec<Value> = parts.iter().map(|part| part.json(agencies)).collect();
                out.insert("subAttributes".into(), parts.into());
            }
            Kind::Reference(to) => {
                out.insert("referenceTypes".into(), json!([to]));
                out.insert("caseExact".into(), true.into());
                out.insert("uniqueness".into(), "none".into());
            }
            Kind::Text => {
                out.insert("caseExact".into(), true.into());
                out.insert("uniqueness".into(), if self.unique { "server" } else { "none" }.into());
            }
            Kind::Bool | Kind::Int | Kind::Moment => {}
        }
        // The agencies of the token are the words that its holder may write here.
        if self.name == "agency" {
            out.insert("canonicalValues".into(), agencies.into());
        } else if !self.words.is_empty() {
            out.insert("canonicalValues".into(), self.words.into());
        }
        Value::Object(out)
    }
}

impl Schema {
    /// The schema as `/Schemas` shows it to a token that reaches these agencies.
    pub(super) fn json(&self, base: &str, agencies: &[String]) -> Value {
        let attributes: Vec<Value> =
            self.attributes.iter().map(|attribute| attribute.json(agencies)).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", self.id) },
        })
    }
}

impl ResourceType {
    /// The type as `/ResourceTypes` shows it.
    pub(super) fn json(&self, base: &str) -> Value {
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .filter(|urn| **urn != IDENTITY)
            .map(|urn| json!({ "schema": urn, "required": true }))
            .collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": if self.name == "User" { "Officials." } else { "Departments." },
            "schema": self.core,
            "schemaExtensions": extensions,
            "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", self.name) },
        })
    }
}
