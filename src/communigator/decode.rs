//! From the bytes of an answer to its text, or to the reason why it cannot be read.

use encoding_rs::{Encoding, UTF_8};
use zeroize::Zeroizing;

/// How many bytes are searched for a page's own word on its encoding (HTML, "prescan").
const PRESCAN: usize = 1024;

/// A page with more tags than this is not read. Parsing takes time that grows with the square of
/// the nesting, so the size alone is no bound.
const MAX_TAGS: usize = 50_000;

/// Decodes a page. The encoding is that of its byte order mark, of its content type or of its own
/// `meta` element, in this order, and UTF-8 where nothing says otherwise. Nothing is guessed and
/// nothing is replaced: a password must not be written through a page that was misread.
pub(super) fn page(
    bytes: &[u8],
    content_type: &str,
) -> Result<(Zeroizing<String>, &'static Encoding), &'static str> {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or("").to_ascii_lowercase();
    if !matches!(media_type.as_str(), "text/html" | "application/xhtml+xml") {
        return Err("it is not a page");
    }
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    });
    let head = bytes.get(..PRESCAN).unwrap_or(bytes);
    let named = charset.map(str::to_owned).or_else(|| meta_charset(head));
    let (encoding, bytes) = if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        (encoding, bytes.get(length..).unwrap_or(&[]))
    } else {
        let encoding = named.map_or(Some(UTF_8), |name| Encoding::for_label(name.as_bytes()));
        (encoding.ok_or("its encoding is not known")?, bytes)
    };
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or("it is not in the encoding that it claims")?;
    let text = Zeroizing::new(text.into_owned());
    if !text.to_ascii_lowercase().contains("</html") {
        return Err("it is cut off");
    }
    if text.bytes().filter(|byte| *byte == b'<').count() > MAX_TAGS {
        return Err("it has more than 50000 tags");
    }
    Ok((text, encoding))
}

/// `<meta charset=..>` or `<meta .. content="text/html; charset=..">`.
fn meta_charset(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let tag = head.split("<meta").skip(1).find_map(|rest| {
        let tag = rest.split('>').next().unwrap_or("");
        tag.contains("charset").then(|| tag.to_owned())
    })?;
    let (_, value) = tag.split_once("charset")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/' | '>');
    let name = value.split(is_end).next().filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], content_type: &str) -> Result<String, &'static str> {
        page(bytes, content_type).map(|(text, _)| text.to_string())
    }

    #[test]
    fn the_content_type_names_the_encoding_before_the_page_does() {
        let page = b"<meta charset=utf-8>\xe9</html>";
        assert!(read(page, "text/html; charset=ISO-8859-1").unwrap().contains('é'));
        assert_eq!(read(page, "text/html"), Err("it is not in the encoding that it claims"));
    }

    #[test]
    fn the_page_names_its_encoding_where_the_content_type_does_not() {
        for meta in [
            "<META  CharSet='windows-1252' />",
            "<meta name=a><meta http-equiv=Content-Type content=\"text/html; charset=windows-1252\">",
        ] {
            let page = [meta.as_bytes(), b"\xe9</html>"].concat();
            assert!(read(&page, "text/html").unwrap().contains('é'), "{meta}");
        }
    }

    #[test]
    fn a_byte_order_mark_wins_and_is_no_text() {
        assert_eq!(read(b"\xef\xbb\xbfa</html>", "text/html;charset=latin1").unwrap(), "a</html>");
    }

    #[test]
    fn what_is_no_whole_page_in_a_known_encoding_is_not_read() {
        assert_eq!(read(b"{}", "application/json"), Err("it is not a page"));
        assert_eq!(
            read(b"</html>", "text/html; charset=klingon"),
            Err("its encoding is not known")
        );
        assert_eq!(read(b"<html><p>half", "text/html"), Err("it is cut off"));
        assert_eq!(read(b"", "text/html"), Err("it is cut off"));
        let endless = "<p>".repeat(MAX_TAGS) + "</html>";
        assert_eq!(read(endless.as_bytes(), "text/html"), Err("it has more than 50000 tags"));
        assert_eq!(read(b"a</HTML >", "text/html").as_deref(), Ok("a</HTML >"));
    }
}
