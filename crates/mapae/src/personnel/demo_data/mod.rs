//! Plainly fictional HR data: agencies modelled on the public structure with 예시 in every name, people whose names say
//! 예시, resident registration numbers with 9 or 0 as their 7th digit, which nobody alive has.
//!
//! Everything follows from a person's ordinal number, so that the demo, the load tool and tests know each number and
//! name without a table: [`person`].

mod posts;

use std::fmt::Write as _;

pub use posts::{POST_HEADINGS, posts_csv};

/// An agency of the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct DemoAgency {
    pub code: &'static str,
    pub name: &'static str,
    pub name_en: &'static str,
    pub kind: &'static str,
    pub parent: &'static str,
    pub eligible: bool,
    pub reason: &'static str,
    pub reason_en: &'static str,
    pub phase: u8,
    pub phase_at: &'static str,
}

macro_rules! agencies {
    ($($code:literal $name:literal $en:literal $kind:literal $parent:literal $eligible:literal $reason:literal $reason_en:literal $phase:literal $at:literal;)*) => {
        /// The agencies, ministries before what belongs to them.
        pub const AGENCIES: &[DemoAgency] = &[$(DemoAgency {
            code: $code, name: $name, name_en: $en, kind: $kind, parent: $parent, eligible: $eligible,
            reason: $reason, reason_en: $reason_en, phase: $phase, phase_at: $at,
        }),*];
    };
}

agencies! {
    "9000001" "예시행정부" "Example Ministry of Administration" "중앙" "" true "" "" 1 "2026-01-05";
    "9000002" "예시인사처" "Example Ministry of Personnel" "중앙" "" true "" "" 1 "2026-01-05";
    "9000003" "예시재정부" "Example Ministry of Finance" "중앙" "" true "" "" 1 "2026-02-02";
    "9000004" "예시교육부" "Example Ministry of Education" "중앙" "" true "" "" 2 "2026-06-01";
    "9000005" "예시보건부" "Example Ministry of Health" "중앙" "" true "" "" 2 "2026-06-01";
    "9000006" "예시환경부" "Example Ministry of Environment" "중앙" "" true "" "" 3 "2027-03-02";
    "9000007" "예시국방부" "Example Ministry of Defence" "중앙" "" false "군사 보안에 따라 별도의 신분증을 씁니다." "Military security: this ministry uses an identity card of its own." 1 "2026-01-05";
    "9000008" "예시기상청" "Example Weather Service" "중앙" "9000006" true "" "" 1 "2026-01-05";
    "9000009" "예시조달청" "Example Procurement Service" "중앙" "9000003" true "" "" 1 "2026-02-02";
    "9000010" "예시통계청" "Example Statistics Office" "중앙" "9000003" true "" "" 1 "2026-02-02";
    "9000101" "예시특별시" "Example Metropolitan City" "지방" "" true "" "" 2 "2026-06-01";
    "9000102" "예시광역시" "Example City" "지방" "" true "" "" 2 "2026-06-01";
    "9000103" "예시도" "Example Province" "지방" "" true "" "" 2 "2026-06-01";
    "9000104" "예시시" "Example Town" "지방" "9000103" true "" "" 2 "2026-06-01";
    "9000105" "예시군" "Example County" "지방" "9000103" false "아직 도입을 결정하지 않은 지방자치단체입니다." "This local government has not decided to take part yet." 2 "2026-06-01";
}

const DEPARTMENTS: &[(&str, &str)] = &[
    ("기획조정실", "Planning and Coordination"),
    ("운영지원과", "General Services"),
    ("디지털정책과", "Digital Policy"),
    ("민원제도과", "Civil Service"),
    ("인사기획과", "Personnel Planning"),
    ("재정담당관", "Finance"),
    ("정보보호과", "Information Security"),
    ("법무감사담당관", "Legal Affairs and Audit"),
];

const FAMILY: &[(&str, &str)] = &[
    ("김", "Kim"),
    ("이", "Lee"),
    ("박", "Park"),
    ("최", "Choi"),
    ("정", "Jung"),
    ("강", "Kang"),
    ("조", "Cho"),
    ("윤", "Yoon"),
    ("장", "Jang"),
    ("임", "Lim"),
    ("한", "Han"),
    ("오", "Oh"),
    ("서", "Seo"),
    ("신", "Shin"),
    ("권", "Kwon"),
    ("황", "Hwang"),
    ("안", "Ahn"),
    ("송", "Song"),
    ("류", "Ryu"),
    ("남궁", "Namgung"),
];

const SYLLABLES: &[(&str, &str)] = &[
    ("가", "ga"),
    ("나", "na"),
    ("다", "da"),
    ("라", "ra"),
    ("마", "ma"),
    ("보", "bo"),
    ("서", "seo"),
    ("아", "a"),
    ("주", "ju"),
    ("진", "jin"),
    ("찬", "chan"),
    ("하", "ha"),
    ("현", "hyeon"),
    ("민", "min"),
    ("은", "eun"),
    ("율", "yul"),
    ("솔", "sol"),
    ("담", "dam"),
    ("빛", "bit"),
    ("람", "ram"),
];

const RANKS: &[(&str, &str, &str, &str)] = &[
    ("서기관", "Director", "4급", "Grade 4"),
    ("사무관", "Deputy Director", "5급", "Grade 5"),
    ("주무관", "Officer", "6급", "Grade 6"),
    ("주무관", "Officer", "7급", "Grade 7"),
    ("주무관", "Officer", "8급", "Grade 8"),
    ("주무관", "Officer", "9급", "Grade 9"),
];

/// People of one department: the first is its head, the second the head's deputy.
pub const DEPARTMENT_SIZE: u64 = 25;

/// A person of the demonstration. Nobody like this exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPerson {
    pub agency: &'static str,
    pub department_code: String,
    pub department: String,
    pub department_en: String,
    pub parent_department: String,
    pub number: String,
    pub name: String,
    pub name_en: String,
    /// `YYMMDD-SNNNNNN` with 9 or 0 as 7th digit.
    pub rrn: String,
    pub birth_date: String,
    pub phone: String,
    pub position: &'static str,
    pub position_en: &'static str,
    pub rank: &'static str,
    pub rank_en: &'static str,
    pub role: &'static str,
}

/// The `n`-th person, counted from 0. The first 25 make up the first department of the first agency.
pub fn person(n: u64) -> DemoPerson {
    let group = n / DEPARTMENT_SIZE;
    let place = n % DEPARTMENT_SIZE;
    let agency = pick(AGENCIES, group);
    let department = group / AGENCIES.len() as u64;
    let (name, name_en) = *pick(DEPARTMENTS, department);
    let round = department / DEPARTMENTS.len() as u64;
    let suffix = if round == 0 { String::new() } else { format!(" {}팀", round + 1) };
    let suffix_en = if round == 0 { String::new() } else { format!(", Team {}", round + 1) };

    let (family, family_en) = *pick(FAMILY, mix(n, 1));
    let (first, first_en) = *pick(SYLLABLES, mix(n, 2));
    let (second, second_en) = *pick(SYLLABLES, mix(n, 3));
    let (position, position_en, rank, rank_en) = match place {
        0 => *pick(RANKS, 0),
        1 | 2 => *pick(RANKS, 1),
        other => *pick(RANKS, 2 + other % 4),
    };
    let (year, month, day) = (70 + mix(n, 4) % 30, 1 + mix(n, 5) % 12, 1 + mix(n, 6) % 28);
    let century = if n.is_multiple_of(2) { 9 } else { 0 };
    DemoPerson {
        agency: agency.code,
        department_code: format!("D{department:04}"),
        department: format!("{name}{suffix}"),
        department_en: format!("{name_en}{suffix_en}"),
        parent_department: if department == 0 { String::new() } else { "D0000".into() },
        number: format!("EX{n:08}"),
        name: format!("{family}예시{first}{second}"),
        name_en: format!("{family_en} Yesi{first_en}{second_en}"),
        rrn: format!("{year:02}{month:02}{day:02}-{century}{:06}", n % 1_000_000),
        birth_date: format!("19{year:02}-{month:02}-{day:02}"),
        phone: format!("010{:08}", n % 100_000_000),
        position,
        position_en,
        rank,
        rank_en,
        role: match place {
            0 => "부서장",
            1 => "대리",
            _ => "",
        },
    }
}

#[expect(clippy::indexing_slicing, reason = "the remainder is within the non-empty table")]
fn pick<T>(table: &[T], n: u64) -> &T {
    &table[usize::try_from(n % table.len() as u64).unwrap_or(0)]
}

/// Scatters ordinals so that neighbours do not look alike; no secret is made of it.
fn mix(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// When all demo data takes effect.
const EFFECTIVE: &str = "2026-01-01";

/// The CSV file of agencies.
pub fn agencies_csv() -> String {
    let mut out = String::from(
        "기관코드,기관명,기관영문명,구분,상위기관코드,발급대상,제외사유,제외사유영문,도입단계,단계시작일,기준일시\n",
    );
    for a in AGENCIES {
        let eligible = if a.eligible { "Y" } else { "N" };
        let _ = writeln!(
            out,
            "{},{},{},{},{},{eligible},{},{},{},{},{EFFECTIVE}",
            a.code, a.name, a.name_en, a.kind, a.parent, a.reason, a.reason_en, a.phase, a.phase_at
        );
    }
    out
}

/// The headings of the CSV file of employees.
pub const EMPLOYEE_HEADINGS: &str = "기관코드,부서코드,부서명,부서영문명,상위부서코드,공무원번호,성명,영문성명,주민등록번호,생년월일,\
    휴대전화,직위,직위영문,직급,직급영문,재직상태,보직,기준일시\n";

/// The line of the `n`-th person in the CSV file of employees.
pub fn employee_csv(n: u64) -> String {
    person(n).csv_line()
}

impl DemoPerson {
    /// The line of this person in the CSV file of employees.
    pub fn csv_line(&self) -> String {
        format!(
            "{},{},{},\"{}\",{},{},{},{},{},{},{},{},{},{},{},재직,{},{EFFECTIVE}\n",
            self.agency,
            self.department_code,
            self.department,
            self.department_en,
            self.parent_department,
            self.number,
            self.name,
            self.name_en,
            self.rrn,
            self.birth_date,
            self.phone,
            self.position,
            self.position_en,
            self.rank,
            self.rank_en,
            self.role
        )
    }
}

#[cfg(test)]
mod tests;
