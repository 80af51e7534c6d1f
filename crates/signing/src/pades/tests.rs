use super::*;
use crate::fixture::{House, classic, modern, tamper};

const NOW: i64 = 1_795_000_000;

#[test]
fn whoever_holds_the_key_computes_the_digest_from_the_file() {
    let prepared = prepare(&classic(), &Options::at(NOW)).unwrap();
    let read = Prepared::read(prepared.bytes().to_vec()).unwrap();
    assert_eq!(read.digest(), prepared.digest());
    // One byte of what is seen is another digest.
    let mut swapped = prepared.bytes().to_vec();
    let at = swapped.windows(9).position(|w| w == b"1,000 won").unwrap();
    swapped[at] = b'9';
    assert_ne!(Prepared::read(swapped).unwrap().digest(), prepared.digest());
}

#[test]
fn only_a_file_with_one_open_place_at_its_end_is_prepared() {
    let house = House::new(NOW);
    assert_eq!(Prepared::read(classic()).unwrap_err(), PadesError::NotPrepared);
    assert_eq!(Prepared::read(house.b(&classic())).unwrap_err(), PadesError::NotPrepared);
    let prepared = prepare(&classic(), &Options::at(NOW)).unwrap();
    let later =
        tamper(prepared.bytes(), &[(5, Some("<</Type/Font/Subtype/Type1/BaseFont/Courier>>".into()))]);
    assert_eq!(Prepared::read(later).unwrap_err(), PadesError::NotPrepared);
    let twice = prepare(prepared.bytes(), &Options::at(NOW)).unwrap();
    assert_eq!(Prepared::read(twice.bytes().to_vec()).unwrap_err(), PadesError::NotPrepared);
}

#[test]
fn a_signature_larger_than_its_place_is_refused() {
    let options = Options { reserve: 1_024, ..Options::at(NOW) };
    let prepared = prepare(&classic(), &options).unwrap();
    let refused = prepared.assemble(&vec![1; 1_025]).unwrap_err();
    assert_eq!(refused, PadesError::Space { needed: 1_025, kept: 1_024 });
    for reserve in [0, MAX_RESERVE + 1] {
        let options = Options { reserve, ..Options::at(NOW) };
        assert_eq!(prepare(&classic(), &options).unwrap_err(), PadesError::Option("reserve"));
    }
}

#[test]
fn an_empty_field_is_filled_and_any_other_is_left_alone() {
    let house = House::new(NOW);
    let with_field = tamper(
        &classic(),
        &[
            (1, Some("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R 20 0 R]>>>>".into())),
            (3, Some("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>/Annots 21 0 R>>".into())),
            (20, Some("<</Type/Annot/Subtype/Widget/FT/Sig/T(seal)/F 132/Rect[0 0 0 0]/P 3 0 R>>".into())),
            (21, Some("[8 0 R 20 0 R]".into())),
        ],
    );
    let options = Options { field: Some("seal".into()), ..Options::at(NOW) };
    let signed =
        house.sign(prepare(&with_field, &options).unwrap(), &house.seal, Some(&house.time_authority()));
    let signed = add_material(&signed, &house.material()).unwrap();
    let report = crate::check::check_pdf(&signed, &house.trust());
    assert_eq!(report.verdict, crate::check::Verdict::Genuine, "{:?}", report.codes());
    assert_eq!(report.signatures[0].field, "seal");
    assert_eq!(prepare(&signed, &options).unwrap_err(), PadesError::Field("seal".into()));
    let other = Options { field: Some("amount".into()), ..Options::at(NOW) };
    assert_eq!(prepare(&with_field, &other).unwrap_err(), PadesError::Field("amount".into()));
    // A second one goes into the list of marks that is an object of its own.
    let second = house.sign(
        prepare(&signed, &Options::at(NOW)).unwrap(),
        &house.person,
        Some(&house.time_authority()),
    );
    let second = add_material(&second, &house.material()).unwrap();
    let report = crate::check::check_pdf(&second, &house.trust());
    assert_eq!(report.verdict, crate::check::Verdict::Genuine, "{:?}", report.codes());
}

#[test]
fn material_is_added_once() {
    let house = House::new(NOW);
    for plain in [classic(), modern()] {
        // Lists are signed anew each time they are made, and no signature is like another.
        let material = house.material();
        let signed = add_material(&house.lt(&plain), &material).unwrap();
        assert_eq!(add_material(&signed, &material).unwrap(), signed);
        let more = Material { ocsps: vec![vec![0x30, 0]], ..Material::default() };
        assert!(add_material(&signed, &more).unwrap().len() > signed.len());
    }
}
