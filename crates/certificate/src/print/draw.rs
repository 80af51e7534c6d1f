//! Pages of marks as a file.

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TagGroup, TagTree};

use super::RenderError;
use super::face::Faces;
use super::layout::{Area, Color, HEIGHT, Mark, Node, Pages, WIDTH};
use super::sheet::Sheet;

pub(crate) fn pdf(sheet: &Sheet<'_>, faces: &Faces, pages: Pages) -> Result<Vec<u8>, RenderError> {
    let written = |error: &dyn std::fmt::Debug| RenderError::Write(format!("{error:?}"));
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| written(&error))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut leaves: Vec<Vec<Identifier>> = pages.nodes.iter().map(|_| Vec::new()).collect();
    for groups in &pages.pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(RenderError::Font)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for group in groups {
            let tag = match group.node {
                Some(_) => ContentTag::Span(SpanTag::empty().with_actual_text(group.actual.as_deref())),
                None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)),
            };
            let identifier = surface.start_tagged(tag);
            let drawn = group.marks.iter().try_for_each(|mark| draw(&mut surface, faces, mark));
            surface.end_tagged();
            drawn?;
            if let Some(leaves) = group.node.and_then(|node| leaves.get_mut(node)) {
                leaves.push(identifier);
            }
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(sheet.language.tag().to_owned()));
    tree.push(branch(&pages.nodes, &mut leaves, 0));
    document.set_tag_tree(tree);
    let mut outline = Outline::new();
    for (text, page, y) in pages.headings {
        outline.push_child(OutlineNode::new(text, XyzDestination::new(page, Point::from_xy(0.0, y))));
    }
    document.set_outline(outline);
    let made = &sheet.made;
    let date = DateTime::new(made.year)
        .month(made.month)
        .day(made.day)
        .hour(made.hour)
        .minute(made.minute)
        .second(made.second)
        .utc_offset_hour(9)
        .utc_offset_minute(0);
    document.set_metadata(
        Metadata::new()
            .title(sheet.title.clone())
            .authors(vec![sheet.certifier.clone()])
            .creator("Mapae".to_owned())
            .document_id(sheet.number.clone())
            .language(sheet.language.tag().to_owned())
            .creation_date(date),
    );
    document.finish().map_err(|error| written(&error))
}

/// A node with what is below it, in the order of reading.
fn branch(nodes: &[Node], leaves: &mut [Vec<Identifier>], at: usize) -> TagGroup {
    let Some(node) = nodes.get(at) else { return TagGroup::new(krilla::tagging::Tag::Div) };
    let mut group = TagGroup::new(node.tag.clone());
    for leaf in leaves.get_mut(at).map(std::mem::take).unwrap_or_default() {
        group.push(leaf);
    }
    for child in &node.children {
        group.push(branch(nodes, leaves, *child));
    }
    group
}

fn draw(surface: &mut Surface<'_>, faces: &Faces, mark: &Mark) -> Result<(), RenderError> {
    match mark {
        Mark::Text { x, y, text, size, weight, spacing, color } => {
            let face = faces.of(*weight);
            let glyphs = face.glyphs(text, *spacing)?;
            surface.set_fill(Some(fill(*color)));
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, face.font(), text, *size, false);
        }
        Mark::Areas { areas, color } => areas_of(surface, areas, *color),
        Mark::Frame { area: Area(left, top, width, height), width: line, color } => {
            let sides = [
                Area(*left, *top, *width, *line),
                Area(*left, top + height - line, *width, *line),
                Area(*left, *top, *line, *height),
                Area(left + width - line, *top, *line, *height),
            ];
            areas_of(surface, &sides, *color);
        }
    }
    Ok(())
}

fn areas_of(surface: &mut Surface<'_>, areas: &[Area], color: Color) {
    let mut path = PathBuilder::new();
    for Area(left, top, width, height) in areas {
        if let Some(rect) = Rect::from_xywh(*left, *top, *width, *height) {
            path.push_rect(rect);
        }
    }
    if let Some(path) = path.finish() {
        surface.set_fill(Some(fill(color)));
        surface.draw_path(&path);
    }
}

fn fill(Color(red, green, blue): Color) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), ..Fill::default() }
}
