//! The headers of a mail, as a relay lists them or as they stand in it.

/// Names in lower case with their values, topmost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailHeaders(Vec<(String, String)>);

impl MailHeaders {
    /// No more headers of one mail are looked at.
    pub const MAX: usize = 512;

    /// The headers in the order in which they stand in the mail.
    pub fn new<N: AsRef<str>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pair =
            |(name, value): (N, V)| (name.as_ref().trim().to_ascii_lowercase(), value.into());
        Self(pairs.into_iter().take(Self::MAX).map(pair).collect())
    }

    /// Reads the header block of a mail: lines that begin with white space continue the one above.
    /// Where that one is no header, they continue nothing: a sender could write the end of a
    /// header that a server wrote above his own.
    pub fn from_block(block: &str) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut is_header = false;
        for line in block.lines().take_while(|line| !line.trim().is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = pairs.last_mut().filter(|_| is_header) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let header = line.split_once(':');
            is_header = header.is_some();
            pairs.extend(header.map(|(name, value)| (name.to_owned(), value.trim().to_owned())));
        }
        Self::new(pairs)
    }

    /// Every value of a header, topmost first; `name` in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header that is there exactly once; of several nobody can say which is meant.
    pub fn only<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.all(name);
        let value = values.next()?;
        values.next().is_none().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_no_header_continues_none_above_it() {
        let headers = MailHeaders::from_block("A: 1\r\nno header\r\n 2\r\n\t3\r\nB: 4\r\n 5\r\n");
        assert_eq!(headers.only("a"), Some("1"));
        assert_eq!(headers.only("b"), Some("4 5"));
    }

    #[test]
    fn a_block_is_read_with_its_continued_lines_up_to_the_empty_one() {
        let block = "From: a@b\r\nSubject: one\r\n two\r\nX: 1\r\nX: 2\r\n\r\nSubject: body\r\n";
        let headers = MailHeaders::from_block(block);
        assert_eq!(headers.only("subject"), Some("one two"));
        assert_eq!(headers.all("x").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.only("x"), None, "there are two");
        assert_eq!(headers.only("to"), None);
    }
}
