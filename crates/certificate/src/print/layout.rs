//! Where everything stands: A4, in points from the top left corner.

use std::num::NonZeroU16;

use krilla::tagging::{TableHeaderScope, Tag, TagKind};

use super::face::{Faces, Weight};
use super::sheet::{Language, Sheet, Table};
use super::{MAX_PAGES, RenderError};

pub(crate) const WIDTH: f32 = 595.28;
pub(crate) const HEIGHT: f32 = 841.89;
const MARGIN: f32 = 56.0;
const INNER: f32 = WIDTH - 2.0 * MARGIN;
const TOP: f32 = 62.0;
/// Where the last line of a page's content may end.
const FLOOR: f32 = HEIGHT - 64.0;
/// One side of the QR code with its quiet zone.
const CODE: f32 = 112.0;
/// One side of the seal picture.
const SEAL: f32 = 62.0;
/// Room that statement, date, certifier and codes need together.
const CLOSING: f32 = 306.0;

const INK: Color = Color(22, 32, 44);
const SOFT: Color = Color(84, 94, 108);
const RULE: Color = Color(120, 130, 142);
const SHADE: Color = Color(243, 241, 234);
const SEAL_RED: Color = Color(185, 28, 28);

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// A rectangle: left, top, width, height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area(pub(crate) f32, pub(crate) f32, pub(crate) f32, pub(crate) f32);

/// Something drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mark {
    /// A line of text that begins at this baseline.
    Text { x: f32, y: f32, text: String, size: f32, weight: Weight, spacing: f32, color: Color },
    /// Filled rectangles.
    Areas { areas: Vec<Area>, color: Color },
    /// The frame of a rectangle, drawn inside it.
    Frame { area: Area, width: f32, color: Color },
}

/// Marks that belong together: to a place of the structure tree, or to none.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) node: Option<usize>,
    pub(crate) marks: Vec<Mark>,
    /// The text that stands here, where its letters are set apart from each other (ISO 32000-1 §14.9.4).
    pub(crate) actual: Option<String>,
}

/// A place of the structure tree.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) tag: TagKind,
    pub(crate) children: Vec<usize>,
}

/// All pages with the structure tree; its first node is the root.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) pages: Vec<Vec<Group>>,
    pub(crate) nodes: Vec<Node>,
    /// The headings: text, page, height on it.
    pub(crate) headings: Vec<(String, usize, f32)>,
}

/// Lays a sheet out.
pub(crate) fn pages(sheet: &Sheet<'_>, faces: &Faces) -> Result<Pages, RenderError> {
    if sheet.codes.side == 0 || sheet.codes.modules.len() != sheet.codes.side * sheet.codes.side {
        return Err(RenderError::Code);
    }
    let mut plan = Plan {
        faces,
        out: Pages {
            pages: vec![Vec::new()],
            nodes: vec![Node { tag: Tag::Section.into(), children: Vec::new() }],
            headings: Vec::new(),
        },
        y: TOP,
    };
    plan.head(sheet)?;
    plan.facts(&sheet.facts)?;
    if let Some(table) = &sheet.table {
        plan.table(table)?;
    }
    plan.closing(sheet)?;
    plan.feet(sheet)?;
    Ok(plan.out)
}

struct Plan<'a> {
    faces: &'a Faces,
    out: Pages,
    y: f32,
}

/// A text set in lines.
struct Block {
    lines: Vec<String>,
    size: f32,
    weight: Weight,
}

impl Block {
    const LEADING: f32 = 1.5;

    fn height(&self) -> f32 {
        self.size * Self::LEADING * self.lines.len() as f32
    }

    fn marks(&self, x: f32, top: f32, color: Color) -> Vec<Mark> {
        let step = self.size * Self::LEADING;
        let place = |n: usize| top + step * n as f32 + self.size * 1.1;
        let lines = self.lines.iter().enumerate();
        lines
            .map(|(n, text)| Mark::Text {
                x,
                y: place(n),
                text: text.clone(),
                size: self.size,
                weight: self.weight,
                spacing: 0.0,
                color,
            })
            .collect()
    }
}

impl Plan<'_> {
    fn node(&mut self, parent: usize, tag: impl Into<TagKind>) -> usize {
        let id = self.out.nodes.len();
        self.out.nodes.push(Node { tag: tag.into(), children: Vec::new() });
        if let Some(parent) = self.out.nodes.get_mut(parent) {
            parent.children.push(id);
        }
        id
    }

    fn put(&mut self, node: Option<usize>, marks: Vec<Mark>) {
        if let (false, Some(page)) = (marks.is_empty(), self.out.pages.last_mut()) {
            page.push(Group { node, marks, actual: None });
        }
    }

    fn heading(&mut self, level: NonZeroU16, text: &str) -> usize {
        let page = self.out.pages.len().saturating_sub(1);
        self.out.headings.push((text.to_owned(), page, self.y));
        self.node(0, Tag::Hn(level, Some(text.to_owned())))
    }

    /// Says what the text of the last marks is as a whole.
    fn reads(&mut self, text: &str) {
        if let Some(group) = self.out.pages.last_mut().and_then(|page| page.last_mut()) {
            group.actual = Some(text.to_owned());
        }
    }

    fn next_page(&mut self) -> Result<(), RenderError> {
        if self.out.pages.len() >= MAX_PAGES {
            return Err(RenderError::Long(MAX_PAGES));
        }
        self.out.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    fn block(&self, text: &str, size: f32, weight: Weight, column: f32) -> Result<Block, RenderError> {
        Ok(Block { lines: self.faces.of(weight).lines(text, size, column)?, size, weight })
    }

    /// One line in the middle of the page; tells where it ends to the right.
    fn centred(
        &mut self,
        node: usize,
        text: &str,
        (size, weight, spacing): (f32, Weight, f32),
        color: Color,
    ) -> Result<f32, RenderError> {
        let width = self.faces.of(weight).width(text, size, spacing)? - spacing * size;
        let x = (WIDTH - width) / 2.0;
        let text = text.to_owned();
        let y = self.y + size;
        self.put(Some(node), vec![Mark::Text { x, y, text, size, weight, spacing, color }]);
        self.y += size * 1.5;
        Ok(x + width)
    }

    fn head(&mut self, sheet: &Sheet<'_>) -> Result<(), RenderError> {
        let number = self.node(0, Tag::P);
        let block = self.block(&sheet.number, 9.5, Weight::Regular, INNER)?;
        self.put(Some(number), block.marks(MARGIN, self.y, SOFT));
        self.y += block.height() + 34.0;
        let title = self.heading(NonZeroU16::MIN, &sheet.title);
        // A Korean title stands with air between its syllables; the text itself has no spaces in it.
        let spacing = if sheet.language == Language::Ko { 0.5 } else { 0.02 };
        self.centred(title, &sheet.title, (27.0, Weight::Bold, spacing), INK)?;
        self.reads(&sheet.title);
        self.y += 30.0;
        Ok(())
    }

    fn facts(&mut self, facts: &[(String, String)]) -> Result<(), RenderError> {
        const LABEL: f32 = 128.0;
        let table = self.node(0, Tag::Table);
        let mut first = true;
        for (label, value) in facts {
            let label = self.block(label, 11.0, Weight::Bold, LABEL - 20.0)?;
            let value = self.block(value, 11.5, Weight::Regular, INNER - LABEL - 24.0)?;
            let height = label.height().max(value.height()) + 16.0;
            if self.y + height > FLOOR {
                self.next_page()?;
                first = true;
            }
            let row = self.node(table, Tag::TR);
            let (head, cell) = (self.node(row, Tag::TH(TableHeaderScope::Row)), self.node(row, Tag::TD));
            let y = self.y;
            let mut rules = vec![Area(MARGIN, y + height - 0.4, INNER, 0.8)];
            if std::mem::take(&mut first) {
                rules.push(Area(MARGIN, y - 0.8, INNER, 1.6));
            }
            self.put(
                None,
                vec![
                    Mark::Areas { areas: vec![Area(MARGIN, y + 0.4, LABEL, height - 0.4)], color: SHADE },
                    Mark::Areas { areas: rules, color: RULE },
                ],
            );
            self.put(Some(head), label.marks(MARGIN + 10.0, y + (height - label.height()) / 2.0, INK));
            self.put(
                Some(cell),
                value.marks(MARGIN + LABEL + 12.0, y + (height - value.height()) / 2.0, INK),
            );
            self.y += height;
        }
        self.y += 20.0;
        Ok(())
    }

    fn table(&mut self, table: &Table) -> Result<(), RenderError> {
        let block = self.block(&table.title, 13.0, Weight::Bold, INNER)?;
        let shares: f32 = table.widths.iter().sum();
        let widths: Vec<f32> = table.widths.iter().map(|share| INNER * share / shares).collect();
        let headings = self.cells(&table.headings, &widths, Weight::Bold)?;
        if self.y + block.height() + tallest(&headings) * 2.0 + 12.0 > FLOOR {
            self.next_page()?;
        }
        let title = self.heading(NonZeroU16::MIN.saturating_add(1), &table.title);
        self.put(Some(title), block.marks(MARGIN, self.y, INK));
        self.y += block.height() + 6.0;
        let root = self.node(0, Tag::Table);
        let row = self.node(root, Tag::TR);
        let nodes =
            widths.iter().map(|_| self.node(row, Tag::TH(TableHeaderScope::Column))).collect::<Vec<_>>();
        self.row(&headings, &widths, &nodes, true);
        for cells in &table.rows {
            let blocks = self.cells(cells, &widths, Weight::Regular)?;
            if self.y + tallest(&blocks) > FLOOR {
                self.next_page()?;
                // The headings again, for the eye alone: the structure tree has them once.
                self.row(&headings, &widths, &[], true);
            }
            let row = self.node(root, Tag::TR);
            let nodes = widths.iter().map(|_| self.node(row, Tag::TD)).collect::<Vec<_>>();
            self.row(&blocks, &widths, &nodes, false);
        }
        self.y += 20.0;
        Ok(())
    }

    fn cells(&self, texts: &[String], widths: &[f32], weight: Weight) -> Result<Vec<Block>, RenderError> {
        let cells = texts.iter().zip(widths);
        cells.map(|(text, width)| self.block(text, 10.0, weight, width - 12.0)).collect()
    }

    fn row(&mut self, blocks: &[Block], widths: &[f32], nodes: &[usize], head: bool) {
        let height = tallest(blocks);
        let y = self.y;
        let mut rules = vec![Area(MARGIN, y + height - 0.4, INNER, 0.8)];
        if head {
            rules.push(Area(MARGIN, y - 0.8, INNER, 1.6));
            let shade = Mark::Areas { areas: vec![Area(MARGIN, y, INNER, height)], color: SHADE };
            self.put(None, vec![shade]);
        }
        self.put(None, vec![Mark::Areas { areas: rules, color: RULE }]);
        let mut x = MARGIN;
        for (n, (block, width)) in blocks.iter().zip(widths).enumerate() {
            self.put(nodes.get(n).copied(), block.marks(x + 6.0, y + (height - block.height()) / 2.0, INK));
            x += width;
        }
        self.y += height;
    }

    fn closing(&mut self, sheet: &Sheet<'_>) -> Result<(), RenderError> {
        if self.y + CLOSING > FLOOR {
            self.next_page()?;
        }
        self.y += 14.0;
        let statement = self.node(0, Tag::P);
        let block = self.block(&sheet.statement, 14.0, Weight::Regular, INNER)?;
        for line in block.lines {
            self.centred(statement, &line, (14.0, Weight::Regular, 0.0), INK)?;
        }
        self.y += 18.0;
        let day = self.node(0, Tag::P);
        self.centred(day, &sheet.day, (13.0, Weight::Regular, 0.0), INK)?;
        self.y += 20.0;
        let certifier = self.node(0, Tag::P);
        let line = self.y;
        let right = self.centred(certifier, &sheet.certifier, (19.0, Weight::Bold, 0.04), INK)?;
        self.seal(sheet, (right + 8.0).min(WIDTH - MARGIN - SEAL), line + 11.0 - SEAL / 2.0)?;
        self.y = (line + SEAL / 2.0 + 16.0).max(self.y) + 18.0;
        self.codes(sheet)
    }

    /// A red square with the letters of the seal in columns, from the right.
    fn seal(&mut self, sheet: &Sheet<'_>, left: f32, top: f32) -> Result<(), RenderError> {
        let letters: Vec<char> =
            sheet.seal.chars().filter(|letter| !letter.is_whitespace()).take(9).collect();
        let node = self.node(0, figure(&sheet.seal_alt));
        let side = if letters.len() > 4 { 3.0_f32 } else { 2.0 };
        let step = (SEAL - 12.0) / side;
        let size = step * 0.82;
        let mut marks = vec![Mark::Frame { area: Area(left, top, SEAL, SEAL), width: 2.6, color: SEAL_RED }];
        for (n, letter) in letters.into_iter().enumerate() {
            let (column, row) = ((n as f32 / side).floor(), n as f32 % side);
            let text = letter.to_string();
            let width = self.faces.of(Weight::Bold).width(&text, size, 0.0)?;
            let x = left + 6.0 + step * (side - 1.0 - column) + (step - width) / 2.0;
            let y = top + 6.0 + step * row + step / 2.0 + size * 0.36;
            marks.push(Mark::Text { x, y, text, size, weight: Weight::Bold, spacing: 0.0, color: SEAL_RED });
        }
        self.put(Some(node), marks);
        self.reads(&sheet.seal);
        Ok(())
    }

    fn codes(&mut self, sheet: &Sheet<'_>) -> Result<(), RenderError> {
        let top = self.y;
        self.put(None, vec![Mark::Areas { areas: vec![Area(MARGIN, top, INNER, 0.8)], color: RULE }]);
        let top = top + 12.0;
        let side = sheet.codes.side;
        let module = CODE / (side as f32 + 8.0);
        let dark = sheet.codes.modules.iter().enumerate().filter(|(_, dark)| **dark);
        let areas = dark
            .map(|(n, _)| {
                let (x, y) = ((n % side) as f32 + 4.0, (n / side) as f32 + 4.0);
                // A hair wider, so that no light shows between two dark modules.
                Area(MARGIN + x * module, top + y * module, module + 0.02, module + 0.02)
            })
            .collect();
        let node = self.node(0, figure(&sheet.codes.alt));
        self.put(Some(node), vec![Mark::Areas { areas, color: Color(0, 0, 0) }]);
        let left = MARGIN + CODE + 14.0;
        let mut y = top + 4.0;
        for (n, note) in sheet.codes.notes.iter().enumerate() {
            let weight = if n == 0 { Weight::Bold } else { Weight::Regular };
            let block = self.block(note, 9.5, weight, WIDTH - MARGIN - left)?;
            let node = self.node(0, Tag::P);
            self.put(Some(node), block.marks(left, y, if n == 0 { INK } else { SOFT }));
            y += block.height() + 3.0;
        }
        self.y = y.max(top + CODE);
        Ok(())
    }

    /// Number of the page, on each.
    fn feet(&mut self, sheet: &Sheet<'_>) -> Result<(), RenderError> {
        let count = self.out.pages.len();
        let y = HEIGHT - 34.0;
        let size = 8.5;
        let face = self.faces.of(Weight::Regular);
        for (n, page) in self.out.pages.iter_mut().enumerate() {
            let number = format!("{} / {count}", n + 1);
            let x = WIDTH - MARGIN - face.width(&number, size, 0.0)?;
            let text = |x: f32, text: String| Mark::Text {
                x,
                y,
                text,
                size,
                weight: Weight::Regular,
                spacing: 0.0,
                color: SOFT,
            };
            page.push(Group {
                node: None,
                marks: vec![text(MARGIN, sheet.foot.clone()), text(x, number)],
                actual: None,
            });
        }
        Ok(())
    }
}

fn figure(alt: &str) -> TagKind {
    Tag::Figure(Some(alt.to_owned())).into()
}

fn tallest(blocks: &[Block]) -> f32 {
    blocks.iter().map(Block::height).fold(0.0, f32::max) + 10.0
}
