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
    pub fn from_block(block: &str) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for line in block.lines().take_while(|line| !line.trim().is_empty()) {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = pairs.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                pairs.push((name.to_owned(), value.trim().to_owned()));
            }
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
    fn a_block_is_read_with_its_continued_lines_up_to_the_empty_one() {
        let block = "From: a@b\r\nSubject: one\r\n two\r\nX: 1\r\nX: 2\r\n\r\nSubject: body\r\n";
        let headers = MailHeaders::from_block(block);
        assert_eq!(headers.only("subject"), Some("one two"));
        assert_eq!(headers.all("x").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.only("x"), None, "there are two");
        assert_eq!(headers.only("to"), None);
    }
}
