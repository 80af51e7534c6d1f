use super::*;
use crate::fixture::{classic, last_start, modern};

fn refusal(pdf: &[u8]) -> PdfError {
    let opened = File::open(pdf).and_then(|file| {
        let (_, catalog) = file.catalog(file.now())?;
        file.entry(file.now(), &catalog, "Pages").map(|_| ())
    });
    opened.unwrap_err()
}

/// A file of one table around this body, which is object 1.
fn with_catalog(body: &str) -> Vec<u8> {
    let head = "%PDF-1.7\n";
    let mut pdf = format!("{head}1 0 obj\n{body}\nendobj\n");
    let at = pdf.len();
    pdf.push_str(&format!(
        "xref\n1 1\n{:010} 00000 n\r\ntrailer\n<</Root 1 0 R/Size 2>>\nstartxref\n{at}\n%%EOF\n",
        head.len()
    ));
    pdf.into_bytes()
}

fn catalog(body: &str) -> Result<Dictionary, PdfError> {
    let pdf = with_catalog(body);
    let file = File::open(&pdf)?;
    file.catalog(file.now()).map(|(_, catalog)| catalog)
}

#[test]
fn tables_and_streams_lead_to_the_same_objects() {
    let (classic, modern) = (classic(), modern());
    let (one, other) = (File::open(&classic).unwrap(), File::open(&modern).unwrap());
    for number in 1..13 {
        let id = Id { number, generation: 0 };
        let (a, b) = (one.object(one.now(), id).unwrap(), other.object(other.now(), id).unwrap());
        match (&*a, &*b) {
            (Object::Stream(a), Object::Stream(b)) => {
                assert_eq!(one.decoded(a), other.decoded(b), "{number}");
            }
            (a, b) => assert_eq!(a, b, "{number}"),
        }
    }
    assert_eq!(*one.object(one.now(), Id { number: 77, generation: 0 }).unwrap(), Object::Null);
}

#[test]
fn the_words_of_the_language_are_read() {
    let read = catalog(
        "<</A(a\\(b\\)\\101\\\r\nc)/B<4142 4>/C/N#41me/D[1 -2 +3 4. .5 -0.25 true false null 7 0 R]%x\n/E<</F()>>>>",
    )
    .unwrap();
    assert_eq!(read.get("A").unwrap().as_text().unwrap().bytes, b"a(b)Ac");
    assert_eq!(read.get("B").unwrap().as_text().unwrap().bytes, b"AB\x40");
    assert_eq!(read.name("C"), Some(&b"NAme"[..]));
    let numbers = read.get("D").unwrap().as_array().unwrap();
    assert_eq!(numbers[3..6], [Object::Real(4.0), Object::Real(0.5), Object::Real(-0.25)]);
    assert_eq!(numbers[9], Object::Reference(Id { number: 7, generation: 0 }));
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    for body in ["<</A 1/A 2>>", "<</A(>>", "<</A<41G0>>>", "<</A 1e5>>", "<</A/B#4>>", "<<1 2>>", "<</A"] {
        assert!(matches!(catalog(body), Err(PdfError::Malformed(..))), "{body}");
    }
    let deep = format!("<</A{}{}>>", "[".repeat(70), "]".repeat(70));
    assert_eq!(catalog(&deep), Err(PdfError::TooComplex("depth")));
}

#[test]
fn cross_references_that_lead_astray_are_refused() {
    let pdf = classic();
    let at = last_start(&pdf);
    let tail = |trailer: &str| {
        let mut pdf = pdf.clone();
        let start = pdf.len();
        pdf.extend_from_slice(
            format!("xref\n0 0\ntrailer\n<</Root 1 0 R/Size 13{trailer}>>\nstartxref\n{start}\n%%EOF\n")
                .as_bytes(),
        );
        (pdf, start)
    };
    assert!(File::open(&tail(&format!("/Prev {at}")).0).is_ok());
    let own = tail("/Prev 0").1;
    assert!(matches!(refusal(&tail(&format!("/Prev {own}")).0), PdfError::Malformed(..)), "in circles");
    assert!(matches!(refusal(&tail("/Prev 99999999").0), PdfError::Malformed(..)), "outside");
    assert_eq!(refusal(&tail(&format!("/Prev {at}/Encrypt<<>>")).0), PdfError::Encrypted);
    assert_eq!(refusal(&tail(&format!("/Prev {at}/XRefStm 9")).0), PdfError::Hybrid);
    // The entry of the pages leads to the page.
    let place = |head: &[u8]| format!("{:010}", pdf.windows(8).position(|w| w == head).unwrap() + 1);
    let (from, to) = (place(b"\n2 0 obj"), place(b"\n3 0 obj"));
    let mut swapped = pdf.clone();
    let entry = pdf.windows(10).rposition(|w| w == from.as_bytes()).unwrap();
    swapped[entry..entry + 10].copy_from_slice(to.as_bytes());
    assert!(matches!(refusal(&swapped), PdfError::Malformed("a cross reference leads to another object", _)));
}

#[test]
fn a_stream_that_unpacks_beyond_its_bound_is_refused() {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 40 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let at = pdf.len();
    pdf.extend_from_slice(
        format!(
            "1 0 obj\n<</Type/XRef/Size 2/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length {}>>\nstream\n",
            bomb.len()
        )
        .as_bytes(),
    );
    pdf.extend_from_slice(&bomb);
    pdf.extend_from_slice(format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n").as_bytes());
    assert_eq!(refusal(&pdf), PdfError::TooComplex("stream"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_opened_or_refused(
        bytes in proptest::collection::vec(0u8.., 0..400),
        flips in proptest::collection::vec((0usize..3_000, 0u8..), 1..6),
    ) {
        let mut pdf = b"%PDF-1.7\n".to_vec();
        pdf.extend_from_slice(&bytes);
        let _ = File::open(&pdf);
        for mut pdf in [classic(), modern()] {
            for (at, byte) in &flips {
                if let Some(place) = pdf.get_mut(*at) {
                    *place = *byte;
                }
            }
            if let Ok(file) = File::open(&pdf) {
                for number in 1..15 {
                    let _ = file.object(file.now(), Id { number, generation: 0 });
                }
            }
        }
    }
}
