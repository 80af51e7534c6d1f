//! What a post began with, in HR's words. Where nobody said, it is found by comparing two posts.

use super::timeline::Row;
use crate::personnel::types::EmployeeStatus;

macro_rules! appointments {
    ($($(#[$doc:meta])* $name:ident = $word:literal $(| $other:literal)* => $key:literal;)*) => {
        /// Kind of appointment (발령 구분).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Appointment { $($(#[$doc])* $name),* }

        impl Appointment {
            /// Every kind.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// The word for programs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// Key of its name in the catalogue.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$name => $key),* }
            }

            /// Reads the word, or what Korean HR systems write for it.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word $(| $other)* => Some(Self::$name),)* _ => None }
            }
        }
    };
}

appointments! {
    /// 임용
    Hire = "hire" | "임용" | "신규임용" | "채용" => "personnel.appointment.hire";
    /// 전보: another department
    Transfer = "transfer" | "전보" => "personnel.appointment.transfer";
    /// 전입: another agency
    Move = "move" | "전입" | "전출입" => "personnel.appointment.move";
    /// 승진
    Promotion = "promotion" | "승진" => "personnel.appointment.promotion";
    /// 강임, 강등
    Demotion = "demotion" | "강임" | "강등" => "personnel.appointment.demotion";
    /// 직급 변경: another rank, of which nobody can tell whether it is higher
    Rank = "rank" | "직급변경" => "personnel.appointment.rank";
    /// 직위 변경
    Position = "position" | "보직변경" | "직위변경" => "personnel.appointment.position";
    /// 파견
    Dispatch = "dispatch" | "파견" => "personnel.appointment.dispatch";
    /// 휴직
    Leave = "leave" | "휴직" => "personnel.appointment.leave";
    /// 복직, or back from a dispatch
    Return = "return" | "복직" | "복귀" => "personnel.appointment.return";
    /// 재임용
    Reinstatement = "reinstatement" | "재임용" => "personnel.appointment.reinstatement";
    /// 퇴직
    Retirement = "retirement" | "퇴직" | "면직" => "personnel.appointment.retirement";
    /// 사망
    Death = "death" | "사망" => "personnel.appointment.death";
    /// 기록 시작: the record begins here, and nobody said that the official was appointed then
    OnRecord = "on_record" => "personnel.appointment.on_record";
}

impl Appointment {
    /// The status that a told post of this kind has.
    pub(super) const fn status(self) -> EmployeeStatus {
        match self {
            Self::Dispatch => EmployeeStatus::Dispatched,
            Self::Leave => EmployeeStatus::Leave,
            Self::Retirement => EmployeeStatus::Retired,
            Self::Death => EmployeeStatus::Dead,
            _ => EmployeeStatus::Serving,
        }
    }
}

/// What each of these periods began with, in their order: one word, or several where one day changed several things.
pub(super) fn of(rows: &[Row]) -> Vec<Vec<Appointment>> {
    let before = std::iter::once(None).chain(rows.iter().map(Some));
    rows.iter().zip(before).map(|(row, before)| one(before, row)).collect()
}

fn one(before: Option<&Row>, row: &Row) -> Vec<Appointment> {
    use EmployeeStatus::{Dead, Dispatched, Leave, Retired, Serving};

    let now = &row.content;
    if let Some(told) = now.appointment {
        return vec![told];
    }
    match now.status {
        Retired => return vec![Appointment::Retirement],
        Dead => return vec![Appointment::Death],
        Serving | Leave | Dispatched => {}
    }
    let Some(before) = before else { return vec![Appointment::OnRecord] };
    if before.until != Some(row.from - 1) {
        // HR told of a time before, and nobody of the days between.
        return vec![Appointment::OnRecord];
    }
    let was = &before.content;
    if was.is_over() {
        return vec![Appointment::Reinstatement];
    }
    let mut found = Vec::new();
    match (was.status, now.status) {
        (from, to) if from == to => {}
        (_, Leave) => found.push(Appointment::Leave),
        (_, Dispatched) => found.push(Appointment::Dispatch),
        _ => found.push(Appointment::Return),
    }
    if was.rank.ko != now.rank.ko {
        found.push(match (grade(&was.rank.ko), grade(&now.rank.ko)) {
            (Some(was), Some(now)) if now < was => Appointment::Promotion,
            (Some(was), Some(now)) if now > was => Appointment::Demotion,
            _ => Appointment::Rank,
        });
    }
    if !now.same_agency(was) {
        found.push(Appointment::Move);
    } else if !now.same_unit(was) {
        found.push(Appointment::Transfer);
    }
    if found.is_empty() {
        found.push(Appointment::Position);
    }
    found
}

/// Names of ranks (공무원임용령 별표 1), without their series: 행정주사 is a 주사.
const RANKS: [(&str, u8); 9] = [
    ("관리관", 1),
    ("부이사관", 3),
    ("이사관", 2),
    ("서기관", 4),
    ("사무관", 5),
    ("주사보", 7),
    ("주사", 6),
    ("서기보", 9),
    ("서기", 8),
];

/// The grade (1급 is the highest) of a rank that says it, in figures or by its name.
fn grade(rank: &str) -> Option<u8> {
    let figures = rank.split_once('급').and_then(|(before, _)| {
        let digits = before.len() - before.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        before.get(before.len() - digits..)?.parse().ok()
    });
    figures.or_else(|| RANKS.iter().find(|(name, _)| rank.trim().ends_with(name)).map(|(_, grade)| *grade))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_says_its_grade_in_figures_or_by_its_name() {
        for (rank, wanted) in [
            ("7급", Some(7)),
            ("일반직 5급", Some(5)),
            ("행정주사", Some(6)),
            ("전산주사보", Some(7)),
            ("서기관", Some(4)),
            ("지방행정서기", Some(8)),
            ("부이사관", Some(3)),
            ("이사관", Some(2)),
            ("연구사", None),
            ("급", None),
            ("", None),
        ] {
            assert_eq!(grade(rank), wanted, "{rank}");
        }
    }

    #[test]
    fn every_kind_has_a_name_and_is_read_back() {
        for kind in Appointment::ALL {
            assert!(crate::operations::language::knows(kind.key()), "{}", kind.key());
            assert_eq!(Appointment::parse(kind.as_str()), Some(*kind));
        }
    }
}
