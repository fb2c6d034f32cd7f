//! From a document to a [`Page`].

use std::sync::LazyLock;

use encoding_rs::Encoding;
use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::communigator::blot::Blot;
use crate::communigator::control::{Control, Kind};
use crate::communigator::form::{Form, Method};
use crate::communigator::labels::Labels;
use crate::communigator::markup;
use crate::communigator::page::{Action, Effect, Hit, Line, Page};
use crate::communigator::postback::Postback;
use crate::communigator::profile::{Css, Profile};
use crate::communigator::text;

/// A page with more text than this is not taken for one that a script has yet to fill.
const NEARLY_EMPTY: usize = 200;

static LABELS: LazyLock<Selector> = LazyLock::new(|| selector("label"));
static SCRIPTS: LazyLock<Selector> = LazyLock::new(|| selector("script"));
static TITLE: LazyLock<Selector> = LazyLock::new(|| selector("head title"));
static BASE: LazyLock<Selector> = LazyLock::new(|| selector("head base[href]"));

fn selector(css: &str) -> Selector {
    #[expect(clippy::expect_used, reason = "the selectors are constants of this file")]
    Selector::parse(css).expect("a constant selector parses")
}

/// An answer, decoded.
pub(super) struct Source<'a> {
    /// The step of the walk that it answers.
    pub step: &'a str,
    /// Its address, after redirects.
    pub url: &'a Url,
    /// Whether the last request for it was a GET.
    pub by_get: bool,
    /// The HTTP status.
    pub status: u16,
    /// The encoding that it came in.
    pub encoding: &'static Encoding,
    /// The HTML.
    pub html: &'a str,
    /// What may not be reported of it.
    pub blot: &'a Blot,
}

/// Parses an answer, with the profile's selectors at hand.
pub(super) fn page(source: &Source<'_>, profile: &Profile) -> Page {
    let document = Html::parse_document(source.html);
    let reader = Reader::new(&document, source.url);
    let (controls, actions, places) = reader.parts();
    let lines = lines(&document, &profile.integration.tick_css);
    let text: usize = lines.iter().map(|line| line.text().len()).sum();
    let needs_script = actions.is_empty()
        && !controls.iter().any(Control::is_field)
        && text < NEARLY_EMPTY
        && document.select(&SCRIPTS).next().is_some();
    let last_resort = profile.last_resort();
    let by_css = last_resort.map(|css| (css.text().to_owned(), hits(&document, css, &places)));
    let title = document.select(&TITLE).next();
    Page {
        step: source.step.to_owned(),
        url: source.url.clone(),
        by_get: source.by_get,
        status: source.status,
        encoding: source.encoding.output_encoding(),
        title: title.map(|title| text::fold(&title.text().collect::<String>())).unwrap_or_default(),
        errors: errors(&document, &profile.errors.css),
        by_css: by_css.collect(),
        forms: reader.forms,
        lines,
        actions,
        controls,
        needs_script,
        blot: source.blot.clone(),
    }
}

fn hits<'a>(document: &'a Html, css: &Css, places: &Places<'a>) -> Vec<Hit> {
    let chosen = document.select(css.selector());
    chosen
        .filter_map(|element| places.iter().find(|(at, _)| *at == element))
        .map(|(_, hit)| *hit)
        .collect()
}

fn lines(document: &Html, ticks: &[Css]) -> Vec<Line> {
    let mark = |element: ElementRef<'_>| {
        let ticked = ticks.iter().any(|css| css.selector().matches(&element));
        if ticked && markup::words(element).is_empty() {
            return Some(" \u{2713} ".to_owned());
        }
        markup::picture(element)
    };
    let mut lines = vec![Line(Vec::new())];
    for piece in markup::pieces(document.root_element(), &mark) {
        if piece == "\n" {
            lines.push(Line(Vec::new()));
        } else if let Some(line) = lines.last_mut() {
            line.0.push(piece);
        }
    }
    lines.retain(|line| !line.text().is_empty());
    lines
}

fn errors(document: &Html, marks: &[Css]) -> Vec<String> {
    let is_error =
        |element: ElementRef<'_>| marks.iter().any(|css| css.selector().matches(&element));
    let mut errors = Vec::new();
    for element in document.root_element().descendent_elements() {
        if is_error(element)
            && !markup::is_hidden(element)
            && !markup::around(element).any(is_error)
        {
            let words = markup::words(element);
            if !words.is_empty() && !errors.contains(&words) {
                errors.push(words);
            }
        }
    }
    errors
}

type Places<'a> = Vec<(ElementRef<'a>, Hit)>;

struct Reader<'a> {
    document: &'a Html,
    base: Url,
    labels: Labels<'a>,
    forms: Vec<Form>,
    form_elements: Vec<ElementRef<'a>>,
}

impl<'a> Reader<'a> {
    fn new(document: &'a Html, url: &Url) -> Self {
        let base = document.select(&BASE).next().and_then(|base| base.attr("href"));
        let base = base.and_then(|href| url.join(href).ok()).unwrap_or_else(|| url.clone());
        let labels = Labels::of(document, &LABELS);
        let mut reader =
            Self { document, base, labels, forms: Vec::new(), form_elements: Vec::new() };
        for element in document.root_element().descendent_elements() {
            if element.value().name() == "form" {
                reader.forms.push(reader.form(element, url));
                reader.form_elements.push(element);
            }
        }
        reader
    }

    fn form(&self, element: ElementRef<'_>, page: &Url) -> Form {
        let action = element.attr("action").unwrap_or("").trim();
        // A form without an action is sent to the page's own address, whatever the base is.
        let action = if action.is_empty() { None } else { self.base.join(action).ok() };
        let is = |name, value| {
            element.attr(name).is_some_and(|is| is.trim().eq_ignore_ascii_case(value))
        };
        Form {
            action: action.unwrap_or_else(|| page.clone()),
            method: if is("method", "post") { Method::Post } else { Method::Get },
            multipart: is("enctype", "multipart/form-data"),
        }
    }

    fn form_of(&self, element: ElementRef<'_>) -> Option<usize> {
        if let Some(id) = element.attr("form") {
            return self.form_elements.iter().position(|form| form.attr("id") == Some(id));
        }
        let form = markup::around(element).find(|around| around.value().name() == "form")?;
        self.form_elements.iter().position(|element| *element == form)
    }

    fn parts(&self) -> (Vec<Control>, Vec<Action>, Places<'a>) {
        let (mut controls, mut actions, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for element in self.document.root_element().descendent_elements() {
            match element.value().name() {
                "input" | "select" | "textarea" | "button" => {
                    let control = self.control(element);
                    let at = controls.len();
                    if let Some(action) = self.button(element, &control, at) {
                        places.push((element, Hit::Action(actions.len())));
                        actions.push(action);
                    } else if control.is_field() {
                        places.push((element, Hit::Control(at)));
                    }
                    controls.push(control);
                }
                "a" => {
                    if let Some(action) = self.link(element) {
                        places.push((element, Hit::Action(actions.len())));
                        actions.push(action);
                    }
                }
                _ => {}
            }
        }
        (controls, actions, places)
    }

    fn control(&self, element: ElementRef<'a>) -> Control {
        let kind = Kind::of(element);
        let hidden = markup::is_hidden(element) || matches!(kind, Kind::Hidden(_));
        let fieldset = |around: ElementRef<'_>| {
            around.value().name() == "fieldset" && around.attr("disabled").is_some()
        };
        Control {
            name: element.attr("name").unwrap_or("").to_owned(),
            kind,
            labels: if hidden { Vec::new() } else { self.labels.naming(element) },
            form: self.form_of(element),
            disabled: element.attr("disabled").is_some() || markup::around(element).any(fieldset),
            read_only: element.attr("readonly").is_some(),
            max_length: element.attr("maxlength").and_then(|max| max.trim().parse().ok()),
        }
    }

    /// What pressing a button does; `None` for what is no button, or cannot be seen or pressed.
    fn button(&self, element: ElementRef<'_>, control: &Control, at: usize) -> Option<Action> {
        let submits = match control.kind {
            Kind::Submit { .. } => true,
            Kind::Inert => false,
            Kind::Hidden(_)
            | Kind::Text(_)
            | Kind::Password(_)
            | Kind::TextArea(_)
            | Kind::Tick { .. }
            | Kind::Select(_)
            | Kind::File => return None,
        };
        if control.disabled || markup::is_hidden(element) {
            return None;
        }
        let script = element.attr("onclick").and_then(Postback::read);
        let effect = match script {
            Some(postback) => Effect::Postback(postback, self.posting_form(control.form)),
            None if submits && control.form.is_some() => Effect::Submit(at),
            None => Effect::Script,
        };
        let shown = match element.value().name() {
            "button" => markup::words(element),
            _ => element
                .attr("alt")
                .or(element.attr("value"))
                .unwrap_or(default_text(element))
                .to_owned(),
        };
        let label = named(&shown, element);
        Some(Action { label, effect, form: control.form })
    }

    fn link(&self, element: ElementRef<'_>) -> Option<Action> {
        let href = element.attr("href").unwrap_or("").trim();
        let script = element.attr("onclick").unwrap_or("");
        let is_link = element.attr("href").is_some() || !script.is_empty();
        if !is_link || markup::is_hidden(element) {
            return None;
        }
        let postback = Postback::read(href).or_else(|| Postback::read(script));
        let effect = if let Some(postback) = postback {
            Effect::Postback(postback, self.posting_form(self.form_of(element)))
        } else if href.len() > 1 && href.starts_with('#') {
            Effect::Stay
        } else if href.is_empty() || href == "#" {
            Effect::Script
        } else {
            match self.base.join(href) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Effect::Go(url),
                Ok(_) | Err(_) => Effect::Script,
            }
        };
        let label = named(&markup::words(element), element);
        Some(Action { label, effect, form: self.form_of(element) })
    }

    /// A postback submits the form around it; where that is none, the page's only form.
    fn posting_form(&self, around: Option<usize>) -> Option<usize> {
        around.or((self.forms.len() == 1).then_some(0))
    }
}

fn named(shown: &str, element: ElementRef<'_>) -> String {
    let shown = text::fold(shown);
    if !shown.is_empty() {
        return shown;
    }
    text::fold(element.attr("aria-label").or(element.attr("title")).unwrap_or(""))
}

fn default_text(element: ElementRef<'_>) -> &'static str {
    match element.attr("type").unwrap_or("").to_ascii_lowercase().as_str() {
        "reset" => "Reset",
        _ => "Submit",
    }
}

#[cfg(test)]
pub(super) mod sample {
    //! Pages for the tests of this adapter.

    use super::*;

    /// A page of the built-in profile.
    pub(in crate::communigator) fn page(html: &str) -> Page {
        with_profile(html, &Profile::built_in())
    }

    /// A page of another profile.
    pub(in crate::communigator) fn with_profile(html: &str, profile: &Profile) -> Page {
        let url = Url::parse("https://console.example/a/b?c=d").unwrap();
        let encoding = encoding_rs::UTF_8;
        let (step, by_get, status, blot) = ("sample", true, 200, &Blot::default());
        let source = Source { step, url: &url, by_get, status, encoding, html, blot };
        super::page(&source, profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(html: &str) -> String {
        match &sample::page(html).actions[0].effect {
            Effect::Go(url) => url.to_string(),
            Effect::Stay => "stay".to_owned(),
            Effect::Submit(control) => format!("submit {control}"),
            Effect::Postback(postback, form) => format!("{} {form:?}", postback.target),
            Effect::Script => "script".to_owned(),
        }
    }

    #[test]
    fn a_link_goes_to_an_address_stays_posts_back_or_needs_a_script() {
        assert_eq!(go("<a href='../x?y#z'>x</a>"), "https://console.example/x?y#z");
        assert_eq!(go("<base href='/q/'><a href='x'>x</a>"), "https://console.example/q/x");
        assert_eq!(go("<a href='#tab'>x</a>"), "stay");
        assert_eq!(go("<a href='#'>x</a>"), "script");
        assert_eq!(go("<a href='javascript:open()'>x</a>"), "script");
        assert_eq!(go("<a href='mailto:a@b.example'>x</a>"), "script");
        let postback = "<a href=\"javascript:__doPostBack(&#39;t$1&#39;,&#39;&#39;)\">x</a>";
        assert_eq!(go(postback), "t$1 None");
        assert_eq!(go(&format!("{postback}<form></form>")), "t$1 Some(0)");
        assert_eq!(go(&format!("<form></form><form>{postback}</form>")), "t$1 Some(1)");
        assert_eq!(go(&format!("{postback}<form></form><form></form>")), "t$1 None");
        assert_eq!(go("<a href='#' onclick=\"__doPostBack('t','')\">x</a>"), "t None");
    }

    #[test]
    fn a_button_submits_its_form_posts_back_or_needs_a_script() {
        assert_eq!(go("<form><button>x</button></form>"), "submit 0");
        assert_eq!(go("<form id=f></form><input type=submit form=f>"), "submit 0");
        assert_eq!(go("<button>x</button>"), "script");
        assert_eq!(go("<form><button type=button>x</button></form>"), "script");
        let posts_back = "<form><input type=button onclick=\"__doPostBack('b','')\"></form>";
        assert_eq!(go(posts_back), "b Some(0)");
        assert!(sample::page("<form><button disabled>x</button></form>").actions.is_empty());
    }

    #[test]
    fn what_is_hidden_is_neither_read_nor_pressed() {
        for hide in ["hidden", "style='DISPLAY: none'", "style='visibility:hidden'"] {
            let page =
                sample::page(&format!("<div {hide}><a href=x>a</a><p class=error>b</p></div>c"));
            assert!(page.actions.is_empty() && page.errors.is_empty(), "{hide}");
            assert_eq!(page.line_texts().collect::<Vec<_>>(), ["c"], "{hide}");
        }
    }

    #[test]
    fn a_field_never_shows_its_value_as_text() {
        let page = sample::page(
            "<textarea>secret</textarea><select><option>secret</option></select>\
             <input value=secret><script>secret</script><noscript>secret</noscript>",
        );
        assert!(page.lines.is_empty());
    }

    #[test]
    fn errors_are_the_red_texts_each_once_and_never_the_empty_ones() {
        let page = sample::page(
            "<div class='x error'>One <b class=error>two</b></div><font color=Red>three</font>\
             <span style='color:Red;display:none'>no</span><span class=error> </span>\
             <span style='COLOR: red'>four</span><p role=alert>three</p>",
        );
        assert_eq!(page.errors, ["One two", "three", "four"]);
    }

    #[test]
    fn a_page_that_is_nearly_empty_without_its_script_needs_it() {
        let app = "<body><div id=app>Loading</div><script src=app.js></script>";
        assert!(sample::page(app).needs_script);
        assert!(!sample::page(&app.replace("script", "p")).needs_script);
        assert!(!sample::page(&app.replace("Loading", "<a href=/x>x</a>")).needs_script);
        assert!(!sample::page(&app.replace("Loading", "<input name=x>")).needs_script);
    }

    #[test]
    fn markup_that_is_nested_without_end_is_read_within_bounds() {
        let page = sample::page(&("<div>".repeat(markup::MAX_DEPTH * 5) + "deep"));
        assert!(page.lines.is_empty());
        let page = sample::page(&("<div>".repeat(markup::MAX_DEPTH / 2) + "deep"));
        assert_eq!(page.lines.len(), 1);
    }
}
