//! The few lines of DER (X.690) that are written by hand: elements and unsigned integers.

/// One element: tag, length, content.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    match u8::try_from(length) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            // Long form: how many length bytes (at most 8), then those.
            let bytes = length.to_be_bytes();
            let digits = bytes.iter().skip_while(|byte| **byte == 0);
            out.extend(digits.clone().zip(0x81..).map(|(_, head)| head).last());
            out.extend(digits);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// An INTEGER of big-endian bytes, in its shortest form.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let (_, digits) = bytes.split_at_checked(start).unwrap_or_default();
    // A leading zero keeps a number with a high first bit positive, and is the whole of zero itself.
    let sign: &[u8] = if digits.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    tlv(0x02, &[sign, digits])
}

#[cfg(test)]
mod tests;
