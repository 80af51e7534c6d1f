use super::*;

fn modules(side: usize) -> Vec<bool> {
    (0..side * side).map(|n| (n * 7 + n / side).is_multiple_of(3)).collect()
}

fn sheet(modules: &[bool], rows: usize) -> Sheet<'_> {
    let career = rows > 0;
    Sheet {
        language: Language::Ko,
        title: if career { "경력증명서" } else { "재직증명서" }.to_owned(),
        number: "문서확인번호 1A2B-3C4D-5E6F-7G8H-J".to_owned(),
        facts: [
            ("성명", "예시 김공무"),
            ("생년월일", "1990. 1. 1."),
            ("소속", "예시행정부 디지털정책과"),
            ("용도", "금융기관 제출"),
        ]
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .to_vec(),
        table: career.then(|| Table {
            title: "경력 사항".to_owned(),
            headings: ["기간", "소속", "직급"].map(str::to_owned).to_vec(),
            widths: vec![1.0, 1.4, 0.8],
            rows: (0..rows)
                .map(|n| {
                    vec![
                        format!("20{:02}. 3. 1. ~", n % 26),
                        "예시행정부 디지털정책과".to_owned(),
                        "행정주사".to_owned(),
                    ]
                })
                .collect(),
        }),
        statement: "위와 같이 재직하고 있음을 증명합니다.".to_owned(),
        day: "2026년 11월 30일".to_owned(),
        certifier: "예시행정부장관".to_owned(),
        seal: "예시행정부장관의인".to_owned(),
        seal_alt: "예시행정부장관의 전자관인".to_owned(),
        codes: Codes {
            modules,
            side: 21,
            alt: "확인용 QR 코드".to_owned(),
            notes: vec!["진본 확인 방법".to_owned(), "https://id.example/verify 에서 확인합니다.".to_owned()],
        },
        made: Moment { year: 2026, month: 11, day: 30, hour: 9, minute: 0, second: 0 },
        foot: "예시 문서입니다.".to_owned(),
    }
}

#[test]
fn the_same_sheet_gives_the_same_file() {
    let modules = modules(21);
    let (first, second) = (render(&sheet(&modules, 0)).unwrap(), render(&sheet(&modules, 0)).unwrap());
    assert!(first.pdf.starts_with(b"%PDF-1.7"));
    assert_eq!((first.pages, &first), (1, &second));
}

#[test]
fn a_long_career_goes_on_over_pages_and_ends_at_the_limit() {
    let modules = modules(21);
    assert_eq!(render(&sheet(&modules, 5)).unwrap().pages, 2);
    assert!(render(&sheet(&modules, 60)).unwrap().pages > 3);
    assert_eq!(render(&sheet(&modules, 5_000)), Err(RenderError::Long(MAX_PAGES)));
}

#[test]
fn a_letter_that_the_font_lacks_is_refused_by_name() {
    let modules = modules(21);
    let mut hole = sheet(&modules, 0);
    hole.facts.push(("성명".to_owned(), "\u{20000}".to_owned()));
    assert_eq!(render(&hole), Err(RenderError::Letter(0x20000)));
    let mut short = sheet(&modules, 0);
    short.codes.side = 20;
    assert_eq!(render(&short), Err(RenderError::Code));
}

#[test]
fn lines_break_at_spaces_and_only_a_too_long_word_inside() {
    let faces = face::Faces::read().unwrap();
    let face = faces.of(face::Weight::Regular);
    let lines = face.lines("예시행정부 디지털정책과 데이터기반행정담당관실", 10.0, 100.0).unwrap();
    assert_eq!(lines.concat(), "예시행정부 디지털정책과 데이터기반행정담당관실");
    assert_eq!(lines[0], "예시행정부 디지털정책과 ");
    assert!(lines.iter().all(|line| face.width(line.trim_end(), 10.0, 0.0).unwrap() <= 100.0));
}

/// Writes both forms into the folder that `CERTIFICATE_SAMPLES` names, for eyes and judges.
#[test]
fn samples_are_written_where_they_are_wanted() {
    let modules = modules(21);
    let files = [("employment.pdf", 0), ("career.pdf", 18)];
    let Ok(folder) = std::env::var("CERTIFICATE_SAMPLES") else { return };
    for (name, rows) in files {
        std::fs::write(std::path::Path::new(&folder).join(name), render(&sheet(&modules, rows)).unwrap().pdf)
            .unwrap();
    }
}
