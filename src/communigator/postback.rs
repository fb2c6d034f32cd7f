//! ASP.NET postbacks: links and buttons that a script turns into a submission of the page's form.

/// What a postback link puts into the form's two hidden fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postback {
    /// `__EVENTTARGET`: the control that was pressed.
    pub target: String,
    /// `__EVENTARGUMENT`.
    pub argument: String,
}

impl Postback {
    /// The hidden field for [`Self::target`].
    pub(super) const TARGET: &str = "__EVENTTARGET";
    /// The hidden field for [`Self::argument`].
    pub(super) const ARGUMENT: &str = "__EVENTARGUMENT";

    /// Reads the script of a link or a button: `__doPostBack('target','argument')` or
    /// `WebForm_PostBackOptions("target", "argument", ..)`. `None` for any other script, and for
    /// options that post to another page (the fifth one), which no step of the walk does.
    pub(super) fn read(script: &str) -> Option<Self> {
        if let Some((_, rest)) = script.split_once("WebForm_PostBackOptions(") {
            let arguments = arguments(rest);
            let elsewhere = arguments.get(4).is_some_and(|url| !url.is_empty());
            return (!elsewhere).then(|| Self::of(&arguments)).flatten();
        }
        let (_, rest) = script.split_once("__doPostBack(")?;
        Self::of(&arguments(rest))
    }

    fn of(arguments: &[String]) -> Option<Self> {
        let target = arguments.first().filter(|target| !target.is_empty())?.clone();
        Some(Self { target, argument: arguments.get(1).cloned().unwrap_or_default() })
    }
}

/// The arguments of a call, up to its closing bracket: texts without their quotes, other words as
/// they are.
fn arguments(call: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let mut quote = None;
    let mut characters = call.chars();
    while let Some(character) = characters.next() {
        let escaped = character == '\\' && quote.is_some();
        let character = if escaped { characters.next().unwrap_or('\\') } else { character };
        match (character, quote) {
            (end, Some(open)) if end == open && !escaped => quote = None,
            ('\'' | '"', None) => quote = Some(character),
            (')', None) => break,
            (',', None) => arguments.push(String::new()),
            (space, None) if space.is_whitespace() => {}
            (other, _) => {
                if let Some(last) = arguments.last_mut() {
                    last.push(other);
                }
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Option<(String, String)> {
        Postback::read(script).map(|postback| (postback.target, postback.argument))
    }

    fn pair(target: &str, argument: &str) -> (String, String) {
        (target.to_owned(), argument.to_owned())
    }

    #[test]
    fn a_postback_link_names_its_target_and_argument() {
        assert_eq!(read("javascript:__doPostBack('ctl00$lnk','')"), Some(pair("ctl00$lnk", "")));
        assert_eq!(
            read("__doPostBack( \"a\" , \"Sort$O\\'x, (1)\" )"),
            Some(pair("a", "Sort$O'x, (1)"))
        );
    }

    #[test]
    fn postback_options_are_read_unless_they_lead_to_another_page() {
        let options = r#"javascript:WebForm_DoPostBackWithOptions(new WebForm_PostBackOptions("c$b", "x", true, "", "", false, true))"#;
        assert_eq!(read(options), Some(pair("c$b", "x")));
        assert_eq!(read(&options.replace(r#""", "", false"#, r#""", "/other", false"#)), None);
    }

    #[test]
    fn any_other_script_is_no_postback() {
        assert_eq!(read("javascript:void(0)"), None);
        assert_eq!(read("__doPostBack('','')"), None);
        assert_eq!(read("toggle()"), None);
    }
}
