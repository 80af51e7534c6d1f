//! A line of a file of posts.

use super::appointment::Appointment;
use super::timeline::Content;
use crate::personnel::import::line::{BadLine, Cells, Column};
use crate::personnel::moment;
use crate::personnel::types::InstCode;

/// A post as HR lists it. Personal: it goes into the database sealed, never into a log.
#[derive(Clone)]
pub(in crate::personnel) struct PostLine {
    pub(in crate::personnel) line: u64,
    /// The agency that the official belongs to now, and the number there.
    pub(super) agency: InstCode,
    pub(super) number: String,
    pub(super) from: i64,
    /// The last day; `None` where it ends with the next post.
    pub(super) until: Option<i64>,
    /// `None`: a post that was told before is taken back.
    pub(super) content: Option<Content>,
}

impl std::fmt::Debug for PostLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostLine({})", self.line)
    }
}

impl PostLine {
    pub(in crate::personnel) fn read(cells: &Cells<'_>) -> Result<Self, BadLine> {
        cells.width()?;
        let today = moment::korean_day(cells.now_ms);
        let day = |column: Column, text: &str| {
            let date =
                moment::calendar_date(text).ok_or_else(|| cells.bad(column, "personnel.import.date"))?;
            let day = moment::day_of(date);
            if day > today { Err(cells.bad(column, "personnel.import.future")) } else { Ok(day) }
        };
        let from = day(Column::From, cells.required(Column::From)?)?;
        let until = match cells.optional(Column::Until)? {
            "" => None,
            text => Some(day(Column::Until, text)?),
        };
        if until.is_some_and(|until| until < from) {
            return Err(cells.bad(Column::Until, "personnel.import.until_before_from"));
        }
        let word = cells.required(Column::Appointment)?;
        let agency = cells.inst_code(Column::InstCode)?;
        let number = cells.required(Column::Number)?.to_owned();
        if matches!(word, "삭제" | "remove") {
            return Ok(Self { line: cells.line, agency, number, from, until, content: None });
        }
        let appointment = Appointment::parse(word)
            .filter(|kind| *kind != Appointment::OnRecord)
            .ok_or_else(|| cells.bad(Column::Appointment, "personnel.import.appointment"))?;
        let content = Content {
            agency_code: None,
            department_id: None,
            agency: cells.named(Column::AgencyName, Column::AgencyNameEn, true)?,
            department: cells.named(Column::Department, Column::DepartmentEn, false)?,
            position: cells.named(Column::Position, Column::PositionEn, false)?,
            rank: cells.named(Column::Rank, Column::RankEn, false)?,
            status: appointment.status(),
            appointment: Some(appointment),
            ends_with_next: until.is_none(),
        };
        Ok(Self { line: cells.line, agency, number, from, until, content: Some(content) })
    }
}

/// Headings that a file of posts must have.
pub(in crate::personnel) const NEEDED: &[Column] =
    &[Column::InstCode, Column::Number, Column::From, Column::Appointment, Column::AgencyName];
