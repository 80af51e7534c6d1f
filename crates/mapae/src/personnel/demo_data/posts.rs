//! Earlier posts of the fictional people: appointed at twenty-four or later, transferred and promoted up to where the file of
//! employees has them, some with half a year of leave, some from another agency. Nobody's career.

use std::fmt::Write as _;

use super::{AGENCIES, DEPARTMENT_SIZE, DEPARTMENTS, RANKS, mix, person, pick};

/// The headings of the CSV file of posts.
pub const POST_HEADINGS: &str = "기관코드,공무원번호,시작일,종료일,발령구분,기관명,기관영문명,부서명,부서영문명,직위,직위영문,직급,직급영문\n";

/// The year whose first day all demo records begin on.
const RECORD: u64 = 2026;

/// The lines of the `n`-th person in the CSV file of posts; as HR systems list appointments, without last days.
pub fn posts_csv(n: u64) -> String {
    let person = person(n);
    let own = pick(AGENCIES, n / DEPARTMENT_SIZE);
    let grade = RANKS.iter().position(|rank| rank.2 == person.rank).map_or(0, |place| place as u64);
    let promotions = (RANKS.len() as u64 - 1 - grade).min(3);
    let born: u64 = person.birth_date.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1970);
    let hired = (born + 24 + mix(n, 7) % 5).min(RECORD - 7);
    let count = promotions.max(1) + 1 + mix(n, 8) % 2;
    let span = RECORD - 1 - hired;
    let came = n % 7 == 1;
    let mut out = String::new();
    for step in 0..count {
        let last = step + 1 == count;
        let (year, month) =
            (hired + step * span / count, if mix(n, 20 + step).is_multiple_of(2) { 1 } else { 7 });
        let (position, position_en, rank, rank_en) = *pick(RANKS, grade + promotions - promotions.min(step));
        let agency = if came && step == 0 { pick(AGENCIES, n / DEPARTMENT_SIZE + 1) } else { own };
        let (department, department_en) = if last {
            (person.department.as_str(), person.department_en.as_str())
        } else {
            *pick(DEPARTMENTS, mix(n, 9) + step)
        };
        let kind = match step {
            0 => "임용",
            1 if came => "전입",
            _ if step <= promotions => "승진",
            _ => "전보",
        };
        let mut line = |day: String, kind: &str| {
            let _ = writeln!(
                out,
                "{},{},{day},,{kind},{},{},{department},\"{department_en}\",{position},{position_en},{rank},{rank_en}",
                own.code, person.number, agency.name, agency.name_en
            );
        };
        line(format!("{year}-{month:02}-01"), kind);
        if step == 0 && n.is_multiple_of(5) && span / count >= 2 {
            line(format!("{}-03-01", year + 1), "휴직");
            line(format!("{}-09-01", year + 1), "복직");
        }
    }
    out
}
