//! Somebody who fills in forms by what is written on them, without scripts.

use reqwest::redirect::Policy;
use scraper::{ElementRef, Html, Selector};
use simulator::{Simulator, World};

/// A person with one browser window.
pub(crate) struct Person {
    client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) html: String,
}

fn select(css: &str) -> Selector {
    Selector::parse(css).unwrap()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn only<T>(mut found: Vec<T>, what: &str, html: &str) -> T {
    assert_eq!(found.len(), 1, "exactly one {what} in\n{html}");
    found.remove(0)
}

impl Person {
    pub(crate) fn at(simulator: &Simulator) -> Self {
        let client = reqwest::Client::builder()
            .cookie_store(true)
            .redirect(Policy::limited(5))
            .no_proxy()
            .build()
            .unwrap();
        let url = simulator.console_url().to_owned();
        Self { client, url, status: 0, html: String::new() }
    }

    /// Logs in as the world's only user.
    pub(crate) async fn logged_in(simulator: &Simulator) -> Self {
        let mut person = Self::at(simulator);
        person.open("/").await;
        person.log_in(World::CONSOLE_USER, World::CONSOLE_PASSWORD).await;
        person
    }

    pub(crate) async fn log_in(&mut self, email: &str, password: &str) {
        self.press("Login", &[("Email", email), ("Password", password)]).await;
    }

    pub(crate) async fn open(&mut self, path: &str) {
        let url = reqwest::Url::parse(&self.url).unwrap().join(path).unwrap();
        self.take(self.client.get(url)).await.unwrap();
    }

    async fn take(&mut self, request: reqwest::RequestBuilder) -> reqwest::Result<()> {
        let response = request.send().await?;
        self.url = response.url().to_string();
        self.status = response.status().as_u16();
        self.html = response.text().await?;
        Ok(())
    }

    /// Everything that can be read.
    pub(crate) fn reads(&self) -> String {
        text(Html::parse_document(&self.html).root_element())
    }

    pub(crate) fn title(&self) -> String {
        let page = Html::parse_document(&self.html);
        text(page.select(&select("title")).next().unwrap())
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        Html::parse_document(&self.html).select(&select(".error")).map(text).collect()
    }

    /// The `alt` of the picture beside a label.
    pub(crate) fn tick(&self, label: &str) -> String {
        let page = Html::parse_document(&self.html);
        let rows = select("tr");
        let rows = page.select(&rows).filter(|row| text(*row) == label);
        let pictures = rows.flat_map(|row| row.select(&select("img")).collect::<Vec<_>>());
        let alts = pictures.map(|image| image.value().attr("alt").unwrap().to_owned()).collect();
        only(alts, label, &self.html)
    }

    /// The names of the controls that carry this label in one of the ways a person understands.
    fn named(page: &Html, label: &str) -> Vec<String> {
        let mut names = Vec::new();
        for control in page.select(&select("input, select, textarea")) {
            let value = control.value();
            let by_for = value.attr("id").is_some_and(|id| {
                let labels = select("label");
                page.select(&labels)
                    .any(|one| one.value().attr("for") == Some(id) && text(one) == label)
            });
            let by_hint = value.attr("placeholder") == Some(label);
            let cell = control
                .ancestors()
                .filter_map(ElementRef::wrap)
                .find(|up| up.value().name() == "td");
            let by_cell = cell.is_some_and(|cell| {
                let before = cell.prev_siblings().find_map(ElementRef::wrap);
                before.is_some_and(|before| text(before) == label)
            });
            if by_for || by_hint || by_cell {
                names.push(value.attr("name").unwrap().to_owned());
            }
        }
        names
    }

    pub(crate) fn count_labels(&self, label: &str) -> usize {
        Self::named(&Html::parse_document(&self.html), label).len()
    }

    /// What the only form would send, buttons aside.
    pub(crate) fn form(&self) -> (String, Vec<(String, String)>) {
        let page = Html::parse_document(&self.html);
        let form = only(page.select(&select("form")).collect(), "form", &self.html);
        let mut fields = Vec::new();
        for control in form.select(&select("input, select, textarea")) {
            let value = control.value();
            let attr = |name: &str| value.attr(name).unwrap_or_default().to_owned();
            let sent = match (value.name(), attr("type").as_str()) {
                (_, "submit") => None,
                (_, "checkbox") => value.attr("checked").map(|_| "on".to_owned()),
                ("select", _) => control
                    .select(&select("option[selected]"))
                    .next()
                    .map(|option| option.value().attr("value").unwrap().to_owned()),
                ("textarea", _) => {
                    let written: String = control.text().collect();
                    Some(written.replace("\r\n", "\n").replace('\n', "\r\n"))
                }
                _ => Some(attr("value")),
            };
            fields.extend(sent.map(|sent| (attr("name"), sent)));
        }
        (form.value().attr("action").unwrap().to_owned(), fields)
    }

    /// How many links and buttons carry this text.
    pub(crate) fn count_actions(&self, wanted: &str) -> usize {
        let page = Html::parse_document(&self.html);
        let links = page.select(&select("a, button")).filter(|one| text(*one) == wanted).count();
        let inputs = select("input[type=submit]");
        links + page.select(&inputs).filter(|one| one.value().attr("value") == Some(wanted)).count()
    }

    /// Follows the only link of that text, or presses the only button of it.
    pub(crate) async fn follow(&mut self, wanted: &str) {
        let found = {
            let page = Html::parse_document(&self.html);
            let links: Vec<String> = page
                .select(&select("a"))
                .filter(|one| text(*one) == wanted)
                .map(|one| one.value().attr("href").unwrap().to_owned())
                .collect();
            (!links.is_empty()).then(|| only(links, wanted, &self.html))
        };
        let Some(href) = found else { return self.press(wanted, &[]).await };
        let Some(call) = href.strip_prefix("javascript:__doPostBack('") else {
            return self.open(&href).await;
        };
        let (target, argument) = call.strip_suffix("')").unwrap().split_once("','").unwrap();
        let (action, mut fields) = self.form();
        for (name, value) in &mut fields {
            match name.as_str() {
                "__EVENTTARGET" => target.clone_into(value),
                "__EVENTARGUMENT" => argument.clone_into(value),
                _ => {}
            }
        }
        self.send(&action, &fields).await.unwrap();
    }

    /// Fills in fields by their labels and presses the only button of that text.
    pub(crate) async fn press(&mut self, button: &str, filled: &[(&str, &str)]) {
        self.try_press(button, filled).await.unwrap();
    }

    pub(crate) async fn try_press(
        &mut self,
        button: &str,
        filled: &[(&str, &str)],
    ) -> reqwest::Result<()> {
        let (action, mut fields) = self.form();
        fields.push(self.button(button));
        for (label, value) in filled {
            let page = Html::parse_document(&self.html);
            let name = only(Self::named(&page, label), label, &self.html);
            fields.retain(|(known, _)| *known != name);
            fields.push((name, (*value).to_owned()));
        }
        self.send(&action, &fields).await
    }

    /// The name and the value that a button of that text adds to its form.
    pub(crate) fn button(&self, wanted: &str) -> (String, String) {
        let page = Html::parse_document(&self.html);
        let found = page
            .select(&select("button, input[type=submit]"))
            .filter(|one| text(*one) == wanted || one.value().attr("value") == Some(wanted))
            .map(|one| {
                let attr = |name: &str| one.value().attr(name).unwrap().to_owned();
                (attr("name"), attr("value"))
            })
            .collect();
        only(found, wanted, &self.html)
    }

    pub(crate) async fn send(
        &mut self,
        action: &str,
        fields: &[(String, String)],
    ) -> reqwest::Result<()> {
        let url = reqwest::Url::parse(&self.url).unwrap().join(action).unwrap();
        self.take(self.client.post(url).form(fields)).await
    }

    /// From any page of an instance to a connector's page.
    pub(crate) async fn go_to_connector(&mut self, name: &str) {
        self.follow("Data Sync").await;
        self.follow("View Connectors").await;
        self.follow(name).await;
    }

    /// From a connector's page to the same page with another state.
    pub(crate) async fn set_state(&mut self, state: &str) {
        self.follow("Change State").await;
        self.press("Change State", &[("Status", state)]).await;
    }
}
