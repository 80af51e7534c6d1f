//! A small world for tests and judges: a root, an authority for documents, a seal, a person, a timestamp authority,
//! documents of several makes, and those who tamper with them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a world for tests, which stops where it does not hold"
)]

use std::sync::Arc;

use keys::x509::{
    self, Certificate, DocumentKind, DocumentProfile, authority_for_documents, issue_for_documents,
    random_serial,
};
use keys::{SecretKey, Signer, sha256};
use signing::check::{Revocations, Trust};
use signing::cms::{Attributes, SignedData};
use signing::pades::{self, Material, Options, Prepared};
use signing::revocation::{OcspQuestion, Reason, Responder, Revoked, State, issue_crl};
use signing::tsp::TimeAuthority;

pub const DAY: i64 = 86_400;
/// id-example arc: 1.3.6.1.4.1.32473 (RFC 5612), policy 1.
pub const POLICY: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0xfd, 0x59, 0x01];

pub struct Signatory {
    pub key: Arc<SecretKey>,
    pub certificate: Certificate,
}

pub struct House {
    pub now: i64,
    pub root: Signatory,
    pub authority: Signatory,
    pub seal: Signatory,
    pub person: Signatory,
    pub tsa: Signatory,
    pub responder: Signatory,
}

fn profile(organization: &str, cn: &str) -> DocumentProfile {
    DocumentProfile {
        country: Some("KR".into()),
        organization: Some(organization.into()),
        cn: cn.into(),
        crl: Some("http://mapae.example/documents.crl".into()),
        ocsp: Some("http://mapae.example/ocsp".into()),
    }
}

impl House {
    pub fn new(now: i64) -> Self {
        Self::named(now, "예시 최상위 인증기관")
    }

    pub fn named(now: i64, root_name: &str) -> Self {
        let key = Arc::new(SecretKey::generate());
        let (from, to) = (now - 10 * DAY, now + 3_000 * DAY);
        let certificate = x509::root_in(Some("KR"), &*key, root_name, from, to).unwrap();
        let root = Signatory { key, certificate };
        let key = Arc::new(SecretKey::generate());
        let name = profile("예시 서명센터", "예시 문서 인증기관");
        let made = authority_for_documents(
            &root.certificate,
            &*root.key,
            key.public_key(),
            &name,
            (from, to),
            random_serial(),
        );
        let authority = Signatory { key, certificate: made.unwrap() };
        let below = |kind, organization, cn| {
            Self::below(&authority, kind, &profile(organization, cn), (from, to - DAY))
        };
        let seal = below(DocumentKind::Seal, "예시 기관", "예시 기관장 관인");
        let person = below(DocumentKind::Person, "예시 기관", "김예시");
        let tsa = below(DocumentKind::TimeStamp, "예시 서명센터", "예시 시점확인");
        let responder = below(DocumentKind::Responder, "예시 서명센터", "예시 상태응답");
        Self { now, root, authority, seal, person, tsa, responder }
    }

    pub fn below(
        authority: &Signatory,
        kind: DocumentKind,
        profile: &DocumentProfile,
        validity: (i64, i64),
    ) -> Signatory {
        let key = Arc::new(SecretKey::generate());
        let certificate = issue_for_documents(
            &authority.certificate,
            &*authority.key,
            key.public_key(),
            (kind, profile),
            validity,
            random_serial(),
        );
        Signatory { key, certificate: certificate.unwrap() }
    }

    pub fn person_of(&self, cn: &str, validity: (i64, i64)) -> Signatory {
        Self::below(&self.authority, DocumentKind::Person, &profile("예시 기관", cn), validity)
    }

    pub fn time_authority(&self) -> TimeAuthority {
        let chain = vec![self.tsa.certificate.clone(), self.authority.certificate.clone()];
        TimeAuthority::new(self.tsa.key.clone(), chain, POLICY.to_vec()).unwrap()
    }

    pub fn trust(&self) -> Trust<'_> {
        Trust {
            anchors: std::slice::from_ref(&self.root.certificate),
            crls: &[],
            now: self.now,
            revocations: Revocations::Required,
        }
    }

    pub fn crls(&self, revoked: &[Revoked]) -> Vec<Vec<u8>> {
        self.crls_numbered(revoked, 7)
    }

    pub fn crls_numbered(&self, revoked: &[Revoked], number: u64) -> Vec<Vec<u8>> {
        let valid = (self.now, self.now + 7 * DAY);
        let by = |who: &Signatory, revoked| {
            issue_crl(&who.certificate, &*who.key, revoked, valid, number).unwrap()
        };
        vec![by(&self.root, &[]), by(&self.authority, revoked)]
    }

    /// An answer of the responder about this certificate.
    pub fn ocsp(&self, certificate: &Certificate, state: State) -> Vec<u8> {
        let responder = Responder::new(self.responder.key.clone(), self.responder.certificate.clone());
        let question = OcspQuestion::new(&self.authority.certificate, certificate.serial());
        responder.answer(&[(question, state)], (self.now, self.now + DAY), None).unwrap()
    }

    pub fn material(&self) -> Material {
        Material {
            certificates: vec![
                self.root.certificate.der().to_vec(),
                self.authority.certificate.der().to_vec(),
            ],
            crls: self.crls(&[]),
            ocsps: Vec::new(),
        }
    }

    pub fn sign(&self, prepared: Prepared, who: &Signatory, stamped_by: Option<&TimeAuthority>) -> Vec<u8> {
        let signed = self.signed_data(prepared.digest(), who, stamped_by);
        prepared.assemble(&signed).unwrap()
    }

    pub fn signed_data(
        &self,
        digest: &[u8; 32],
        who: &Signatory,
        stamped_by: Option<&TimeAuthority>,
    ) -> Vec<u8> {
        let attributes = Attributes::new(digest, &who.certificate, None);
        let signature = who.key.sign(attributes.to_sign()).unwrap();
        let chain = [who.certificate.clone(), self.authority.certificate.clone()];
        let mut signed = SignedData::new(attributes, &signature, &chain).unwrap();
        if let Some(authority) = stamped_by {
            let token = authority.stamp(signed.imprint(), self.now).unwrap();
            signed = signed.with_timestamp(token);
        }
        signed.to_der()
    }

    pub fn b(&self, pdf: &[u8]) -> Vec<u8> {
        self.sign(pades::prepare(pdf, &Options::at(self.now)).unwrap(), &self.seal, None)
    }

    pub fn t(&self, pdf: &[u8]) -> Vec<u8> {
        let prepared = pades::prepare(pdf, &Options::at(self.now)).unwrap();
        self.sign(prepared, &self.seal, Some(&self.time_authority()))
    }

    pub fn lt(&self, pdf: &[u8]) -> Vec<u8> {
        pades::add_material(&self.t(pdf), &self.material()).unwrap()
    }

    pub fn lta(&self, pdf: &[u8]) -> Vec<u8> {
        let prepared = pades::prepare_timestamp(&self.lt(pdf)).unwrap();
        let token = self.time_authority().stamp(*prepared.digest(), self.now).unwrap();
        prepared.assemble(&token).unwrap()
    }

    pub fn revoked(&self, who: &Signatory, since: i64, reason: Reason) -> Revoked {
        Revoked { serial: who.certificate.serial().to_vec(), since, reason }
    }
}

/// The objects of the document: a page with an amount, a field, and what an attacker keeps in store.
pub const OBJECTS: &[(u32, &str)] = &[
    (1, "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R]/DA(/F1 12 Tf)/DR<</Font<</F1 5 0 R>>>>>>>>"),
    (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>"),
    (
        3,
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents[4 0 R 11 0 R]\
         /Resources<</Font<</F1 5 0 R>>>>/Annots[8 0 R]>>",
    ),
    (4, "BT /F1 24 Tf 72 720 Td (Amount: 1,000 won) Tj ET"),
    (5, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
    (6, "<</Title(Example)/Producer(Example)>>"),
    (
        8,
        "<</Type/Annot/Subtype/Widget/FT/Tx/T(amount)/V(1000)/DA(/F1 12 Tf)/F 4/Rect[72 600 272 620]/P 3 0 R\
         /AP<</N 12 0 R>>>>",
    ),
    (9, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 10 0 R/Resources<</Font<</F1 5 0 R>>>>>>"),
    (10, "BT /F1 24 Tf 72 720 Td (Amount: 9,000,000 won) Tj ET"),
    (11, "1 1 1 rg 60 640 400 30 re f"),
    (12, "q Q"),
];

/// Whether the object is written as a stream, and with which further entries.
fn stream_entries(number: u32) -> Option<&'static str> {
    match number {
        4 | 10 | 11 => Some(""),
        12 => Some("/Type/XObject/Subtype/Form/BBox[0 0 200 20]"),
        _ => None,
    }
}

pub fn body(number: u32, text: &str) -> String {
    match stream_entries(number) {
        Some(entries) => format!("<<{entries}/Length {}>>\nstream\n{text}\nendstream", text.len()),
        None => text.to_owned(),
    }
}

/// The document with a table of cross references.
pub fn classic() -> Vec<u8> {
    classic_with("[4 0 R 11 0 R]")
}

/// As [`classic`], but the page's content points to an object that is missing.
pub fn hiding() -> Vec<u8> {
    classic_with("[4 0 R 30 0 R]")
}

/// The missing object of [`hiding`] comes later.
pub fn revealed(signed: &[u8]) -> Vec<u8> {
    tamper(signed, &[(30, Some(stream("BT /F1 24 Tf 72 720 Td (Amount: 9,000,000 won) Tj ET")))])
}

fn classic_with(contents: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let text = |text: &str| text.replace("[4 0 R 11 0 R]", contents);
    let objects: Vec<(u32, String)> =
        OBJECTS.iter().map(|(number, object)| (*number, body(*number, &text(object)))).collect();
    let places = write_objects(&mut out, &objects);
    table(
        &mut out,
        &places,
        "/Root 1 0 R/Info 6 0 R/Size 13/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]",
        true,
    );
    out
}

fn write_objects(out: &mut Vec<u8>, objects: &[(u32, String)]) -> Vec<(u32, usize)> {
    let mut places = Vec::new();
    for (number, text) in objects {
        places.push((*number, out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n{text}\nendobj\n").as_bytes());
    }
    places
}

fn table(out: &mut Vec<u8>, places: &[(u32, usize)], trailer: &str, first: bool) {
    let at = out.len();
    out.extend_from_slice(b"xref\n");
    if first {
        out.extend_from_slice(b"0 1\n0000000000 65535 f\r\n");
    }
    for (number, place) in places {
        let line = if *place == 0 {
            format!("{number} 1\n0000000000 00001 f\r\n")
        } else {
            format!("{number} 1\n{place:010} 00000 n\r\n")
        };
        out.extend_from_slice(line.as_bytes());
    }
    out.extend_from_slice(format!("trailer\n<<{trailer}>>\nstartxref\n{at}\n%%EOF\n").as_bytes());
}

/// The same document with a stream of cross references and a stream of objects, both packed.
pub fn modern() -> Vec<u8> {
    use std::io::Write;
    let pack = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let (streams, packed): (Vec<_>, Vec<_>) =
        OBJECTS.iter().partition(|(number, _)| stream_entries(*number).is_some());
    let streams: Vec<(u32, String)> =
        streams.iter().map(|(number, text)| (*number, body(*number, text))).collect();
    let places = write_objects(&mut out, &streams);
    let (mut head, mut texts) = (String::new(), String::new());
    for (number, text) in &packed {
        head.push_str(&format!("{number} {} ", texts.len()));
        texts.push_str(text);
        texts.push('\n');
    }
    let inside = pack(format!("{head}{texts}").as_bytes());
    let holder = out.len();
    out.extend_from_slice(
        format!(
            "13 0 obj\n<</Type/ObjStm/N {}/First {}/Filter/FlateDecode/Length {}>>\nstream\n",
            packed.len(),
            head.len(),
            inside.len()
        )
        .as_bytes(),
    );
    out.extend_from_slice(&inside);
    out.extend_from_slice(b"\nendstream\nendobj\n");
    let at = out.len();
    // One row of PNG prediction "up" for each number from 0 to 14.
    let mut rows = vec![[0u8; 6]; 15];
    for (number, place) in places.iter().chain(&[(13, holder), (14, at)]) {
        rows[*number as usize][0] = 1;
        rows[*number as usize][1..5].copy_from_slice(&u32::try_from(*place).unwrap().to_be_bytes());
    }
    for (index, (number, _)) in packed.iter().enumerate() {
        rows[*number as usize] = [2, 0, 0, 0, 13, u8::try_from(index).unwrap()];
    }
    let mut predicted = Vec::new();
    let mut above = [0u8; 6];
    for row in &rows {
        predicted.push(2);
        predicted.extend(row.iter().zip(above).map(|(byte, up)| byte.wrapping_sub(up)));
        above = *row;
    }
    let table = pack(&predicted);
    out.extend_from_slice(
        format!(
            "14 0 obj\n<</Type/XRef/Size 15/W[1 4 1]/Root 1 0 R/Info 6 0 R/Filter/FlateDecode\
             /DecodeParms<</Predictor 12/Columns 6>>/Length {}>>\nstream\n",
            table.len()
        )
        .as_bytes(),
    );
    out.extend_from_slice(&table);
    out.extend_from_slice(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
    out
}

/// Where the last cross references of a file are.
pub fn last_start(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    let (_, tail) = text.rsplit_once("startxref\n").unwrap();
    tail.lines().next().unwrap().parse().unwrap()
}

/// An update by hand: objects by number, `None` frees one.
pub fn tamper(pdf: &[u8], objects: &[(u32, Option<String>)]) -> Vec<u8> {
    let previous = last_start(pdf);
    let mut out = pdf.to_vec();
    let mut places = Vec::new();
    for (number, text) in objects {
        match text {
            None => places.push((*number, 0)),
            Some(text) => places.extend(write_objects(&mut out, &[(*number, text.clone())])),
        }
    }
    table(&mut out, &places, &format!("/Root 1 0 R/Info 6 0 R/Size 200/Prev {previous}"), false);
    out
}

/// The catalog of a signed document with more in it. The form is where the signature stands.
fn catalog_with(pdf: &[u8], more: &str) -> String {
    let text = String::from_utf8_lossy(pdf);
    let (_, tail) = text.rsplit_once("1 0 obj\n").unwrap();
    let catalog = tail.split("\nendobj").next().unwrap();
    format!("{}{more}>>", catalog.strip_suffix(">>").unwrap())
}

/// The newest text of an object in a file of tables.
fn newest(pdf: &[u8], number: u32) -> String {
    let text = String::from_utf8_lossy(pdf);
    let (_, tail) = text.rsplit_once(&format!("\n{number} 0 obj\n")).unwrap();
    tail.split("\nendobj").next().unwrap().to_owned()
}

fn stream(text: &str) -> String {
    format!("<</Length {}>>\nstream\n{text}\nendstream", text.len())
}

/// Attacks by updates on a signed document: the name, what is done, and the code it must be refused for.
pub fn updates(signed: &[u8]) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let one = |number: u32, text: String| tamper(signed, &[(number, Some(text))]);
    let other_amount = stream("BT /F1 24 Tf 72 720 Td (Amount: 9,000,000 won) Tj ET");
    vec![
        ("hide", one(11, stream(" ")), "changed_page_content"),
        ("hide-by-freeing", tamper(signed, &[(11, None)]), "changed_page_content"),
        (
            "replace",
            one(5, "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>".into()),
            "changed_page_content",
        ),
        ("hide-and-replace", one(2, "<</Type/Pages/Kids[9 0 R]/Count 1>>".into()), "changed_pages"),
        ("content-replaced", one(4, other_amount), "changed_page_content"),
        (
            "page-rewritten",
            one(3, newest(signed, 3).replace("[4 0 R 11 0 R]", "10 0 R")),
            "changed_page_content",
        ),
        (
            "stamp",
            tamper(
                signed,
                &[
                    (3, Some(newest(signed, 3).replace("/Annots [", "/Annots [100 0 R "))),
                    (100, Some("<</Type/Annot/Subtype/Stamp/F 4/Rect[72 700 400 750]/AP<</N 12 0 R>>>>".into())),
                ],
            ),
            "changed_annotation",
        ),
        (
            "stamp-appended",
            tamper(
                signed,
                &[
                    (3, Some(newest(signed, 3).replace("]/P", "]/P").replacen(" 0 R]>>", " 0 R 100 0 R]>>", 1))),
                    (100, Some("<</Type/Annot/Subtype/Stamp/F 4/Rect[72 700 400 750]/AP<</N 12 0 R>>>>".into())),
                ],
            ),
            "changed_annotation",
        ),
        ("page-added", one(2, "<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>".into()), "changed_pages"),
        (
            "open-action",
            one(1, catalog_with(signed, "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>")),
            "changed_action",
        ),
        (
            "form-value",
            one(8, newest(signed, 8).replace("(1000)", "(9000000)")),
            "changed_form_value",
        ),
        ("field-look", one(12, body(12, "BT (9,000,000) Tj ET")), "changed_page_content"),
        (
            "unsigned-field",
            tamper(
                signed,
                &[
                    (1, Some(newest(signed, 1).replace("/Fields [", "/Fields [100 0 R "))),
                    (100, Some("<</Type/Annot/Subtype/Widget/FT/Sig/T(late)/Rect[72 700 400 750]/AP<</N 12 0 R>>>>".into())),
                ],
            ),
            "changed_form_value",
        ),
        (
            "information-in-disguise",
            one(6, "<</Title(Example)/Producer(Example)/Contents 10 0 R>>".into()),
            "changed_other",
        ),
        ("history", rebuilt(signed), "changed_history"),
    ]
}

/// The signed bytes stay, but a new table tells of everything anew and leads back to nothing.
fn rebuilt(signed: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = signed.to_vec();
    let mut places = std::collections::BTreeMap::new();
    for at in 0..text.len().saturating_sub(8) {
        let line_start = at == 0 || text[at - 1] == b'\n';
        if line_start && text[at].is_ascii_digit() {
            let line = String::from_utf8_lossy(&text[at..(at + 20).min(text.len())]).into_owned();
            if let Some((number, rest)) = line.split_once(' ')
                && rest.starts_with("0 obj\n")
                && let Ok(number) = number.parse::<u32>()
            {
                places.insert(number, at);
            }
        }
    }
    let mut out = text;
    places.insert(4, out.len());
    out.extend_from_slice(
        format!("4 0 obj\n{}\nendobj\n", stream("BT /F1 24 Tf 72 720 Td (Amount: 9,000,000 won) Tj ET"))
            .as_bytes(),
    );
    let places: Vec<(u32, usize)> = places.into_iter().collect();
    table(&mut out, &places, "/Root 1 0 R/Info 6 0 R/Size 200", true);
    out
}

/// A signer who cheats with the byte range: signs honestly over a dishonest one.
pub fn odd_range(house: &House, change: impl Fn([usize; 4]) -> [usize; 4]) -> Vec<u8> {
    let prepared = pades::prepare(&classic(), &Options::at(house.now)).unwrap();
    let mut bytes = prepared.bytes().to_vec();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let at = text.rfind("/ByteRange [").unwrap();
    let at = bytes.windows(12).rposition(|window| window == b"/ByteRange [").unwrap_or(at) + 12;
    let numbers: Vec<usize> = String::from_utf8_lossy(&bytes[at..at + 43])
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    let hole = numbers[1];
    let changed = change(numbers.try_into().unwrap());
    let digits: Vec<String> = changed.iter().map(|number| format!("{number:010}")).collect();
    bytes[at..at + 43].copy_from_slice(digits.join(" ").as_bytes());
    let [start, before, after, length] = changed;
    let covered = [&bytes[start..start + before], &bytes[after..after + length]].concat();
    let signed = house.signed_data(&sha256(&covered), &house.seal, None);
    let digits = keys::encoding::hex_encode(&signed);
    bytes[hole + 1..hole + 1 + digits.len()].copy_from_slice(digits.as_bytes());
    bytes
}

/// The document with a stream of so many bytes that nothing packs.
pub fn large(bytes: usize) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let objects: Vec<(u32, String)> =
        OBJECTS.iter().map(|(number, object)| (*number, body(*number, object))).collect();
    let mut places = write_objects(&mut out, &objects);
    places.push((13, out.len()));
    out.extend_from_slice(format!("13 0 obj\n<</Length {bytes}>>\nstream\n").as_bytes());
    let mut state = 1u64;
    out.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(bytes),
    );
    out.extend_from_slice(b"\nendstream\nendobj\n");
    table(&mut out, &places, "/Root 1 0 R/Info 6 0 R/Size 14", true);
    out
}
