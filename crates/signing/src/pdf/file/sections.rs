//! Sections of cross references: tables (ISO 32000-1 §7.5.4) and streams (§7.5.8).

use std::collections::BTreeSet;
use std::io::Read;

use crate::pdf::PdfError;
use crate::pdf::object::{Dictionary, Object, Stream};
use crate::pdf::parse::{Parser, is_space};

/// How many updates a file may have.
const MAX_SECTIONS: usize = 512;
/// How many entries all sections together may have.
const MAX_ENTRIES: usize = 2_000_000;
/// How many bytes a stream of cross references may be when decoded.
const MAX_XREF: usize = 32 << 20;
/// The highest number an object may have (Annex C allows 8,388,607).
const MAX_NUMBER: usize = 8_388_607;

/// How a section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A table, then the trailer.
    Table,
    /// A stream, whose dictionary is the trailer.
    Stream,
}

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nowhere.
    Free,
    /// At this byte.
    At { offset: usize, generation: u16 },
    /// The `index`th in this stream of objects.
    Inside { stream: u32, index: usize },
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) form: Form,
    pub(super) offset: usize,
    pub(super) trailer: Dictionary,
    pub(super) entries: Vec<(u32, Entry)>,
    /// The first and the last byte at which it says that an object is.
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Every section from this one back to the first, newest first.
pub(super) fn read(bytes: &[u8], newest: usize) -> Result<Vec<Section>, PdfError> {
    let mut sections = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = Some(newest);
    let mut left = MAX_ENTRIES;
    while let Some(offset) = next {
        if !seen.insert(offset) {
            return Err(PdfError::Malformed("the cross references go in circles", offset));
        }
        if sections.len() == MAX_SECTIONS {
            return Err(PdfError::TooComplex("updates"));
        }
        let section = one(bytes, offset, left)?;
        left = left.saturating_sub(section.entries.len());
        if section.trailer.get("XRefStm").is_some() {
            return Err(PdfError::Hybrid);
        }
        next = match section.trailer.get("Prev") {
            None => None,
            Some(Object::Integer(prev)) => {
                let prev = usize::try_from(*prev).ok().filter(|prev| *prev < bytes.len());
                Some(prev.ok_or(PdfError::Malformed("a cross reference leads outside", offset))?)
            }
            Some(_) => return Err(PdfError::Malformed("Prev is no number", offset)),
        };
        sections.push(section);
    }
    Ok(sections)
}

fn one(bytes: &[u8], offset: usize, left: usize) -> Result<Section, PdfError> {
    let mut parser = Parser::new(bytes, offset);
    let (form, trailer, mut entries) = if parser.keyword(b"xref") {
        let (trailer, entries) = table(&mut parser, left)?;
        (Form::Table, trailer, entries)
    } else {
        let (trailer, entries) = stream(bytes, parser, left)?;
        (Form::Stream, trailer, entries)
    };
    entries.sort_by_key(|(number, _)| *number);
    if entries.array_windows().any(|[(one, _), (other, _)]| one == other) {
        return Err(PdfError::Malformed("a cross reference is told twice", offset));
    }
    let places = entries.iter().filter_map(|(_, entry)| match entry {
        Entry::At { offset, .. } => Some(*offset),
        _ => None,
    });
    let first = places.clone().min().unwrap_or(offset);
    let last = places.max().unwrap_or(offset);
    Ok(Section { form, offset, trailer, entries, first, last })
}

fn number(value: usize, at: usize) -> Result<u32, PdfError> {
    u32::try_from(value)
        .ok()
        .filter(|_| value <= MAX_NUMBER)
        .ok_or(PdfError::Malformed("an object's number is too large", at))
}

fn table(parser: &mut Parser<'_>, left: usize) -> Result<(Dictionary, Vec<(u32, Entry)>), PdfError> {
    let mut entries = Vec::new();
    let spaces = |parser: &mut Parser<'_>| {
        while parser.peek().is_some_and(is_space) {
            parser.at += 1;
        }
    };
    loop {
        spaces(parser);
        if parser.keyword(b"trailer") {
            break;
        }
        let first = parser.natural()?;
        spaces(parser);
        let count = parser.natural()?;
        if count > left.saturating_sub(entries.len()) {
            return Err(PdfError::TooComplex("cross references"));
        }
        for at in 0..count {
            spaces(parser);
            let offset = parser.natural()?;
            spaces(parser);
            let generation = parser.natural()?;
            spaces(parser);
            let number = number(first.saturating_add(at), parser.at)?;
            let entry = if parser.keyword(b"n") {
                let generation =
                    u16::try_from(generation).map_err(|_| parser.fault("a generation is too large"))?;
                // Some writers tell of an unused number so.
                if offset == 0 { Entry::Free } else { Entry::At { offset, generation } }
            } else if parser.keyword(b"f") {
                Entry::Free
            } else {
                return Err(parser.fault("a cross reference is broken"));
            };
            entries.push((number, entry));
        }
    }
    match parser.object()? {
        Object::Dictionary(trailer) => Ok((trailer, entries)),
        _ => Err(parser.fault("the trailer is missing")),
    }
}

fn stream(
    bytes: &[u8],
    mut parser: Parser<'_>,
    left: usize,
) -> Result<(Dictionary, Vec<(u32, Entry)>), PdfError> {
    let at = parser.at;
    let broken = |what| PdfError::Malformed(what, at);
    parser.natural().map_err(|_| broken("startxref leads nowhere"))?;
    parser.skip();
    parser.natural().map_err(|_| broken("startxref leads nowhere"))?;
    parser.skip();
    if !parser.keyword(b"obj") {
        return Err(broken("startxref leads nowhere"));
    }
    let Object::Dictionary(dictionary) = parser.object()? else {
        return Err(broken("startxref leads nowhere"));
    };
    parser.skip();
    if dictionary.name("Type") != Some(b"XRef") || !parser.take(b"stream") {
        return Err(broken("startxref leads nowhere"));
    }
    if !parser.take(b"\r\n") && !parser.take(b"\n") {
        return Err(broken("a stream does not begin"));
    }
    let length = dictionary.integer("Length").and_then(|length| usize::try_from(length).ok());
    let end = length.and_then(|length| parser.at.checked_add(length)).filter(|end| *end <= bytes.len());
    let data = parser.at..end.ok_or_else(|| broken("a stream's length is broken"))?;
    let decoded = decode(bytes, &Stream { dictionary: dictionary.clone(), data }, MAX_XREF)?;
    let widths: Vec<usize> = dictionary
        .get("W")
        .and_then(Object::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(|width| width.as_integer().and_then(|width| usize::try_from(width).ok()))
        .collect();
    let &[kind, second, third] = widths.as_slice() else {
        return Err(broken("the cross references have no widths"));
    };
    if kind > 1 || second > 8 || third > 8 || second == 0 {
        return Err(broken("the cross references have odd widths"));
    }
    let size = dictionary.integer("Size").ok_or_else(|| broken("Size is missing"))?;
    let ranges: Vec<usize> = match dictionary.get("Index") {
        None => vec![0, usize::try_from(size).map_err(|_| broken("Size is broken"))?],
        Some(Object::Array(list)) => list
            .iter()
            .map(|value| value.as_integer().and_then(|value| usize::try_from(value).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| broken("Index is broken"))?,
        Some(_) => return Err(broken("Index is broken")),
    };
    let mut rows = decoded.chunks_exact(kind + second + third);
    let mut entries = Vec::new();
    for range in ranges.chunks(2) {
        let &[first, count] = range else { return Err(broken("Index is broken")) };
        if count > left.saturating_sub(entries.len()) {
            return Err(PdfError::TooComplex("cross references"));
        }
        for offset in 0..count {
            let row = rows.next().ok_or_else(|| broken("cross references are missing"))?;
            let (kind_bytes, row) = row.split_at_checked(kind).unwrap_or_default();
            let (second_bytes, third_bytes) = row.split_at_checked(second).unwrap_or_default();
            let value = |bytes: &[u8]| {
                bytes
                    .iter()
                    .try_fold(0usize, |sum, byte| sum.checked_mul(256).map(|sum| sum + usize::from(*byte)))
            };
            let (two, three) = value(second_bytes)
                .zip(value(third_bytes))
                .ok_or_else(|| broken("a cross reference is broken"))?;
            let entry = match kind_bytes.first().copied().unwrap_or(1) {
                0 => Entry::Free,
                1 => Entry::At {
                    offset: two,
                    generation: u16::try_from(three).map_err(|_| broken("a generation is too large"))?,
                },
                2 => Entry::Inside { stream: number(two, at)?, index: three },
                _ => return Err(PdfError::Unsupported("a kind of cross reference")),
            };
            entries.push((number(first.saturating_add(offset), at)?, entry));
        }
    }
    Ok((dictionary, entries))
}

/// The bytes of a stream without filter or with Flate (and PNG prediction), at most so many.
pub(super) fn decode(bytes: &[u8], stream: &Stream, limit: usize) -> Result<Vec<u8>, PdfError> {
    let at = stream.data.start;
    let data = bytes.get(stream.data.clone()).ok_or(PdfError::Malformed("a stream lies outside", at))?;
    let dictionary = &stream.dictionary;
    let filter = match dictionary.get("Filter") {
        None | Some(Object::Null) => None,
        Some(Object::Name(name)) => Some(name.as_slice()),
        Some(Object::Array(list)) => match list.as_slice() {
            [] => None,
            [Object::Name(name)] => Some(name.as_slice()),
            _ => return Err(PdfError::Unsupported("filters")),
        },
        Some(_) => return Err(PdfError::Unsupported("filters")),
    };
    match filter {
        None if data.len() <= limit => return Ok(data.to_vec()),
        None => return Err(PdfError::TooComplex("stream")),
        Some(b"FlateDecode") => {}
        Some(_) => return Err(PdfError::Unsupported("a filter of objects")),
    }
    let mut out = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::ZlibDecoder::new(data)
        .take(most)
        .read_to_end(&mut out)
        .map_err(|_| PdfError::Malformed("a stream does not decode", at))?;
    if out.len() > limit {
        return Err(PdfError::TooComplex("stream"));
    }
    let parameters = match dictionary.get("DecodeParms") {
        None | Some(Object::Null) => return Ok(out),
        Some(Object::Dictionary(parameters)) => parameters,
        Some(Object::Array(list)) => match list.as_slice() {
            [Object::Dictionary(parameters)] => parameters,
            [Object::Null] | [] => return Ok(out),
            _ => return Err(PdfError::Unsupported("parameters of a filter")),
        },
        Some(_) => return Err(PdfError::Unsupported("parameters of a filter")),
    };
    let predictor = parameters.integer("Predictor").unwrap_or(1);
    let bits = parameters.integer("BitsPerComponent").unwrap_or(8);
    let colors = parameters.integer("Colors").unwrap_or(1);
    let columns =
        parameters.integer("Columns").and_then(|columns| usize::try_from(columns).ok()).unwrap_or(1);
    match predictor {
        1 => Ok(out),
        10..=15 if bits == 8 && colors == 1 && (1..=64).contains(&columns) => {
            unpredict(&out, columns).ok_or(PdfError::Malformed("a stream is badly predicted", at))
        }
        _ => Err(PdfError::Unsupported("a prediction")),
    }
}

/// Takes the PNG prediction off (one byte a sample).
fn unpredict(data: &[u8], columns: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    let mut above = vec![0u8; columns];
    for row in data.chunks(columns + 1) {
        let (kind, row) = row.split_first()?;
        if row.len() != columns {
            return None;
        }
        let mut current = Vec::with_capacity(columns);
        let (mut left, mut above_left) = (0u8, 0u8);
        for (&byte, &up) in row.iter().zip(&above) {
            let predicted = match kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, above_left),
                _ => return None,
            };
            left = byte.wrapping_add(predicted);
            above_left = up;
            current.push(left);
        }
        out.extend_from_slice(&current);
        above = current;
    }
    Some(out)
}

fn paeth(left: u8, up: u8, above_left: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(above_left));
    let estimate = a + b - c;
    let (to_a, to_b, to_c) = ((estimate - a).abs(), (estimate - b).abs(), (estimate - c).abs());
    if to_a <= to_b && to_a <= to_c {
        left
    } else if to_b <= to_c {
        up
    } else {
        above_left
    }
}
