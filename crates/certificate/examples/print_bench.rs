//! How long printing a certificate takes. Prints one JSON object; times in µs, the middle of the runs.
//!
//! ```text
//! print_us         a sheet of one page: fonts, glyphs, structure, PDF
//! print_table_us   the same with a table of 60 rows over several pages
//! ```

use std::error::Error;
use std::time::Instant;

use certificate::print::{Codes, Language, Moment, Sheet, Table, render};

const RUNS: usize = 51;
const SIDE: usize = 77;

#[allow(clippy::disallowed_methods, reason = "this is the edge that measures")]
fn middle(sheet: &Sheet<'_>) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        render(sheet)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    times.get(RUNS / 2).copied().ok_or_else(|| "no runs".into())
}

#[allow(clippy::print_stdout, reason = "what it is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let modules: Vec<bool> = (0..SIDE * SIDE).map(|n| (n * 7 + n / SIDE).is_multiple_of(3)).collect();
    let facts = [
        ("성명", "예시 김공무"),
        ("생년월일", "1990년 1월 1일"),
        ("소속 기관", "예시행정부"),
        ("부서", "디지털정책과"),
        ("직급", "행정주사"),
        ("용도", "금융기관 제출"),
    ];
    let row = |n: usize| {
        [format!("20{:02}-03-01 ~", n % 26), "예시행정부 디지털정책과".to_owned(), "행정주사".to_owned()]
            .to_vec()
    };
    let mut sheet = Sheet {
        language: Language::Ko,
        title: "재직증명서".to_owned(),
        number: "문서확인번호 1A2B-3C4D-5E6F-7G8H-J".to_owned(),
        facts: facts.map(|(label, value)| (label.to_owned(), value.to_owned())).to_vec(),
        table: None,
        statement: "위와 같이 재직하고 있음을 증명합니다.".to_owned(),
        day: "2026년 11월 30일".to_owned(),
        certifier: "예시행정부".to_owned(),
        seal: "예시행정부인".to_owned(),
        seal_alt: "예시행정부의 전자관인".to_owned(),
        codes: Codes {
            modules: &modules,
            side: SIDE,
            alt: "확인용 QR 코드".to_owned(),
            notes: vec!["진본 확인 방법".to_owned(), "https://id.example/verify 에서 확인합니다.".to_owned()],
        },
        made: Moment { year: 2026, month: 11, day: 30, hour: 9, minute: 0, second: 0 },
        foot: "예시 문서입니다.".to_owned(),
    };
    let one = middle(&sheet)?;
    sheet.table = Some(Table {
        title: "경력 사항".to_owned(),
        headings: ["기간", "소속", "직급"].map(str::to_owned).to_vec(),
        widths: vec![1.0, 1.4, 0.8],
        rows: (0..60).map(row).collect(),
    });
    let table = middle(&sheet)?;
    println!("{{\"print_us\":{one:.0},\"print_table_us\":{table:.0}}}");
    Ok(())
}
