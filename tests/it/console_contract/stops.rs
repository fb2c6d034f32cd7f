//! What the simulator does not do: hosts that do not answer, pages of another kind, a console that
//! changes what it was not asked to change. Each page here is small and made for one test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use reset_receiver::communigator::{AccountError, Profile};
use reset_receiver::domain::ids::AccountName;
use reset_receiver::ports::console::{Console, Switch, Trouble};
use simulator::{Fault, Match, Skin, Times};

use crate::console_contract::bench::{
    Bench, NEW_PASSWORD, NEW_TOKEN, account, always, connector, console_at, credential,
    integration, login, try_console_at,
};

/// An answer: status, headers, body.
#[derive(Clone)]
struct Answer(u16, Vec<(&'static str, String)>, String);

fn page(body: &str) -> Answer {
    let html = format!("<html><head><title>T</title></head><body>{body}</body></html>");
    Answer(200, vec![("content-type", "text/html; charset=utf-8".to_owned())], html)
}

fn redirect(to: &str) -> Answer {
    Answer(302, vec![("location", to.to_owned())], String::new())
}

/// A host that knows some requests by method and path, and notes them with their bodies. A request
/// with several answers gets them in turn, and the last one from then on.
struct Host {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

type Answers = HashMap<String, Vec<Answer>>;

impl Host {
    fn of<'a>(answers: impl IntoIterator<Item = (&'a str, Vec<Answer>)>) -> Self {
        let answers: Answers =
            answers.into_iter().map(|(key, all)| (key.to_owned(), all)).collect();
        let answers = Arc::new(Mutex::new(answers));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        let server = HttpServer::new(move || {
            let (answers, bodies) = (Arc::clone(&answers), Arc::clone(&noted));
            App::new().default_service(web::to(move |request: HttpRequest, body: Bytes| {
                let key = format!("{} {}", request.method(), request.path());
                let heard = format!("{key} {}", String::from_utf8_lossy(&body));
                bodies.lock().unwrap().push(heard);
                let answer = next(&mut answers.lock().unwrap(), &key);
                async move { send(answer) }
            }))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        Self { url, heard }
    }

    /// A console with a login that is accepted, and these pages behind it.
    fn inside<'a>(pages: impl IntoIterator<Item = (&'a str, Vec<Answer>)>) -> Self {
        let form = "<form method=post action='/in'><input placeholder=Email name=e>\
                    <input type=password placeholder=Password name=p><button>Login</button></form>";
        let home = "<a href='/out'>Log out</a> <a href='/sync'>Data Sync</a> \
                    <a href='/integration'>Integration</a>";
        let gate = [
            ("GET /", vec![page(form)]),
            ("POST /in", vec![redirect("/home")]),
            ("GET /home", vec![page(home)]),
            ("GET /integration", vec![page("<a href='/security'>Security</a>")]),
        ];
        Self::of(gate.into_iter().chain(pages))
    }

    fn count(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

fn next(answers: &mut Answers, key: &str) -> Answer {
    match answers.get_mut(key) {
        Some(several) if several.len() > 1 => several.remove(0),
        Some(last) => last[0].clone(),
        None => Answer(404, Vec::new(), String::new()),
    }
}

fn send(Answer(status, headers, body): Answer) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    for header in headers {
        response.insert_header(header);
    }
    response.body(body)
}

async fn refusal(url: &str) -> Trouble {
    let console = console_at(url, Profile::built_in(), Duration::from_secs(20));
    match console.open(&account(), &login(), &always()).await {
        Ok(_) => panic!("the login was accepted"),
        Err(error) => error.trouble,
    }
}

#[actix_web::test]
async fn a_console_that_does_not_listen_is_unreachable() {
    let bench = Bench::one_instance(Skin::Plain);
    let url = bench.simulator.console_url().to_owned();
    bench.simulator.clone().stop().await;
    drop(bench);
    assert_eq!(refusal(&url).await, Trouble::Unreachable);
}

#[actix_web::test]
async fn an_answer_that_comes_too_late_is_unreachable_on_a_get_and_no_answer_on_a_post() {
    for (request, trouble) in
        [("GET connector", Trouble::Unreachable), ("POST change-state", Trouble::NoAnswer)]
    {
        let mut bench = Bench::one_instance(Skin::Plain);
        bench.console = console_at(
            bench.simulator.console_url(),
            Profile::built_in(),
            Duration::from_millis(1500),
        );
        let late = Fault::Delay(Duration::from_mins(1));
        bench.simulator.fault(Match::request(request), late, Times::Once);
        let mut session = bench.open().await.unwrap();
        let error = session.switch_connector(&connector(None), Switch::Disable).await.unwrap_err();
        assert_eq!(error.trouble, trouble);
    }
}

#[actix_web::test]
async fn an_account_that_is_not_configured_is_named() {
    let bench = Bench::one_instance(Skin::Plain);
    let unknown = AccountName::parse("nobody").unwrap();
    let Err(error) = bench.console.open(&unknown, &login(), &always()).await else {
        panic!("it opened")
    };
    assert_eq!(error.trouble, Trouble::UnknownAccount { account: unknown });
}

#[actix_web::test]
async fn a_console_without_https_is_refused_unless_it_is_on_this_machine() {
    for (url, named) in [
        ("http://console.example/login", "http://console.example"),
        ("ftp://localhost/", "ftp://localhost"),
        ("http://user:canary@10.0.0.1/", "http://10.0.0.1"),
    ] {
        let refused = try_console_at(url, Profile::built_in(), Duration::from_secs(1)).unwrap_err();
        let AccountError::NotHttps { origin, .. } = refused;
        assert_eq!(origin, named);
    }
    for url in ["https://console.example/", "http://localhost:1/", "http://[::1]/"] {
        assert!(try_console_at(url, Profile::built_in(), Duration::from_secs(1)).is_ok(), "{url}");
    }
}

#[actix_web::test]
async fn a_redirect_to_another_origin_is_not_followed_and_named() {
    let elsewhere = Host::of([("GET /", vec![page("x")])]);
    let host = Host::of([("GET /", vec![redirect(&format!("{}/?q=1", elsewhere.url))])]);
    let trouble = refusal(&host.url).await;
    assert_eq!(trouble, Trouble::ForeignRedirect { origin: elsewhere.url.clone() });
    assert_eq!(elsewhere.count(), 0);
    let https = host.url.replace("http://", "https://");
    let host = Host::of([("GET /", vec![redirect(&https)])]);
    assert_eq!(refusal(&host.url).await, Trouble::ForeignRedirect { origin: https });
}

#[actix_web::test]
async fn a_login_form_that_leads_to_another_origin_is_not_sent() {
    let elsewhere = Host::of([("POST /in", vec![page("x")])]);
    let form = format!(
        "<form method=post action='{}/in'><input placeholder=Email name=e><input type=password \
         placeholder=Password name=p><button>Login</button></form>",
        elsewhere.url
    );
    let host = Host::of([("GET /", vec![page(&form)])]);
    let trouble = refusal(&host.url).await;
    assert_eq!(trouble, Trouble::ForeignRedirect { origin: elsewhere.url.clone() });
    assert_eq!(elsewhere.count(), 0);
}

#[actix_web::test]
async fn redirects_in_circles_end() {
    let host = Host::of([("GET /", vec![redirect("/a")]), ("GET /a", vec![redirect("/")])]);
    let Trouble::Unreadable { why, .. } = refusal(&host.url).await else {
        panic!("another trouble")
    };
    assert_eq!(why, "it redirects in circles");
    assert_eq!(host.count(), 6);
}

#[actix_web::test]
async fn an_answer_that_is_no_page_or_too_large_is_unreadable() {
    let json = Answer(200, vec![("content-type", "application/json".to_owned())], "{}".to_owned());
    let large = page(&"x".repeat(4 * 1024 * 1024));
    for (answer, reason) in [(json, "it is not a page"), (large, "it is larger than 4 MiB")] {
        let host = Host::of([("GET /", vec![answer])]);
        let Trouble::Unreadable { page, why } = refusal(&host.url).await else {
            panic!("another trouble")
        };
        assert_eq!((page.as_str(), why), ("login", reason));
    }
}

#[actix_web::test]
async fn a_login_page_that_a_script_draws_is_said_to_need_the_browser() {
    let host = Host::of([("GET /", vec![page("<div id=app></div><script src=/a.js></script>")])]);
    let trouble = refusal(&host.url).await;
    assert_eq!(trouble, Trouble::NeedsScript { page: "login".to_owned() });
    assert!(trouble.to_string().contains("browser driver"));
}

#[actix_web::test]
async fn a_page_behind_the_login_that_is_refused_is_a_changed_page() {
    let host = Host::inside([("GET /home", vec![Answer(403, Vec::new(), String::new())])]);
    let Trouble::PageChanged { expected, seen, .. } = refusal(&host.url).await else {
        panic!("another trouble")
    };
    assert_eq!(expected, "page behind the login");
    assert_eq!(seen, ["HTTP 403"]);
}

const FORM: &str = "<form method=post action='/security'><input type=hidden name=_token value=one>\
    <label>Username <input name=u value='gator.sync@acme.example'></label>\
    <label>Password <input type=password name=p></label>\
    <label>Security Token <input type=password name=t></label>\
    <label>SDK user <input name=sdk value=sdk.user></label>\
    <label>SDK IPs <input type=checkbox name=ips checked></label>\
    <button name=b value=save>Save</button></form>";

/// Saves Integration's credentials at a console whose Security tab is `form`, and looks like
/// `after` once it was saved.
async fn save(form: &str, answer: Answer, after: &str) -> (Result<(), Trouble>, Vec<String>) {
    let host = Host::inside([
        ("GET /security", vec![page(form), page(after)]),
        ("POST /security", vec![answer]),
    ]);
    let console = console_at(&host.url, Profile::built_in(), Duration::from_secs(20));
    let mut session = console.open(&account(), &login(), &always()).await.unwrap();
    let saved = session.update_integration(&integration(None), &credential()).await;
    let bodies = host.heard.lock().unwrap().clone();
    (saved.map_err(|error| error.trouble), bodies)
}

#[actix_web::test]
async fn a_saved_form_is_read_back_and_compared() {
    let redirected = || redirect("/security");
    let (saved, bodies) = save(FORM, redirected(), &FORM.replace("value=one", "value=two")).await;
    assert_eq!(saved, Ok(()), "a token against forgery changes with every page");
    let sent = bodies.iter().find(|body| body.contains("b=save")).unwrap();
    assert!(
        sent.starts_with("POST /security _token=one&u=gator.sync%40acme.example&p=N%C3%B6w"),
        "{sent}"
    );
    assert!(sent.ends_with("&sdk=sdk.user&ips=on&b=save"), "{sent}");

    for (after, field) in [
        (FORM.replace("sdk.user", "other"), "SDK user"),
        (FORM.replace(" checked", ""), "SDK IPs"),
        (FORM.replace("<label>SDK user <input name=sdk value=sdk.user></label>", ""), "SDK user"),
        (FORM.replace("gator.sync@", "someone@"), "Username"),
    ] {
        let (saved, _) = save(FORM, redirected(), &after).await;
        let not_kept = Trouble::NotKept { page: "T".to_owned(), field: field.to_owned() };
        assert_eq!(saved, Err(not_kept));
    }
}

#[actix_web::test]
async fn what_a_post_answers_is_not_taken_for_what_was_kept() {
    // The answer repeats what was sent; what was kept is another thing.
    let (saved, _) = save(FORM, page(FORM), &FORM.replace("sdk.user", "other")).await;
    assert!(matches!(saved, Err(Trouble::NotKept { .. })), "{saved:?}");
}

#[actix_web::test]
async fn an_error_that_the_save_brings_is_a_refusal_without_the_secret_in_it() {
    let error = format!("<p class=error>The password {NEW_PASSWORD} is too short</p>");
    let error = error.replace('&', "&amp;").replace("<then>", "&lt;then&gt;");
    let (saved, _) = save(FORM, page(&format!("{error}{FORM}")), FORM).await;
    let Err(Trouble::SaveRefused { page: title, message }) = saved else { panic!("{saved:?}") };
    assert_eq!(title, "T");
    assert_eq!(message, "The password [hidden] is too short");
    let repeats = format!("<p class=error>sdk.user is in use</p>{FORM}");
    let (saved, _) = save(FORM, page(&repeats), FORM).await;
    let Err(Trouble::SaveRefused { message, .. }) = saved else { panic!("{saved:?}") };
    assert_eq!(message, "[hidden] is in use", "no field's value is reported");

    let before = "x".repeat(199 - NEW_TOKEN.len() / 2);
    let cut = format!("<p class=error>{before}{NEW_TOKEN} is in use</p>{FORM}");
    let (saved, _) = save(FORM, page(&cut.replace('&', "&amp;")), FORM).await;
    let Err(Trouble::SaveRefused { message, .. }) = saved else { panic!("{saved:?}") };
    assert!(
        message.starts_with(&format!("{before}[hid")),
        "nothing of a secret is left: {message}"
    );

    let (saved, _) = save(FORM, Answer(403, Vec::new(), String::new()), FORM).await;
    let Err(Trouble::SaveRefused { message, .. }) = saved else { panic!("{saved:?}") };
    assert_eq!(message, "HTTP 403");
}

#[actix_web::test]
async fn an_error_that_was_there_before_is_no_refusal() {
    let red = format!("<p class=error>Queue item 17 was refused</p>{FORM}");
    let (saved, _) = save(&red, redirect("/security"), &red).await;
    assert_eq!(saved, Ok(()));
}

#[actix_web::test]
async fn a_field_that_cannot_take_the_secret_is_noticed_before_anything_is_sent() {
    for (form, expected) in [
        (
            FORM.replace("type=password name=p", "type=password name=p maxlength=5"),
            "field \"Password\" that is long enough",
        ),
        (
            FORM.replace("type=password name=t", "readonly name=t"),
            "field \"Security Token\" that can be typed into",
        ),
        (FORM.replace("<button", "<button type=button"), ""),
    ] {
        let (saved, bodies) = save(&form, page(&form), &form).await;
        match saved {
            Err(Trouble::PageChanged { expected: is, .. }) => assert_eq!(is, expected),
            Err(Trouble::NeedsScript { .. }) => assert_eq!("", expected),
            other => panic!("{other:?}"),
        }
        assert!(!bodies.iter().any(|body| body.contains("p=N")), "{bodies:?}");
    }
}

#[actix_web::test]
async fn a_state_that_nobody_knows_is_shown_and_never_acted_upon() {
    let body = "<h1>Salesforce contacts</h1><p>State: Paused by <b>support</b></p>\
                <a href='/state'>Change State</a>";
    let host = Host::inside([
        ("GET /sync", vec![page("<a href='/list'>View Connectors</a>")]),
        ("GET /list", vec![page("<a href='/one'>Salesforce contacts</a>")]),
        ("GET /one", vec![page(body)]),
    ]);
    let console = console_at(&host.url, Profile::built_in(), Duration::from_secs(20));
    let mut session = console.open(&account(), &login(), &always()).await.unwrap();
    let place = connector(None);
    let view = session.observe_connector(&place).await.unwrap();
    let other = reset_receiver::ports::console::ConnectorState::Other;
    assert_eq!(view.state, other("Paused by support".to_owned()));
    for switch in [Switch::Disable, Switch::Enable] {
        let error = session.switch_connector(&place, switch).await.unwrap_err();
        let Trouble::PageChanged { seen, .. } = error.trouble else { panic!("{error}") };
        assert_eq!(seen, ["State: Paused by support"]);
    }
    let heard = host.heard.lock().unwrap().clone();
    assert!(!heard.iter().any(|request| request.contains("/state")), "{heard:?}");
}

#[actix_web::test]
async fn tabs_on_one_page_are_asked_for_before_they_are_filled_in() {
    let tabs = |sdk: &str| {
        let form = FORM.replace("sdk.user", sdk);
        page(&format!(
            "<a href='#s'>Security</a><p>Integration running: yes</p><div id=s>{form}</div>"
        ))
    };
    let host = Host::inside([
        ("GET /integration", vec![tabs("first"), tabs("second")]),
        ("POST /security", vec![redirect("/integration")]),
    ]);
    let console = console_at(&host.url, Profile::built_in(), Duration::from_secs(20));
    let mut session = console.open(&account(), &login(), &always()).await.unwrap();
    let place = integration(None);
    assert!(session.observe_integration(&place).await.unwrap().running);
    session.update_integration(&place, &credential()).await.unwrap();
    let heard = host.heard.lock().unwrap().clone();
    let sent = heard.iter().find(|request| request.starts_with("POST /security")).unwrap();
    assert!(sent.contains("&sdk=second&"), "what another person changed is not put back: {sent}");
}

#[actix_web::test]
async fn an_instance_that_moved_takes_its_remembered_addresses_with_it() {
    let list = |acme: &str, globex: &str| {
        page(&format!(
            "<a href='/out'>Log out</a><a href='{acme}'>Acme GatorMail</a>\
             <a href='{globex}'>Globex GatorMail</a>"
        ))
    };
    let general =
        |at: &str| page(&format!("<p>Integration running: yes</p><p class=error>{at}</p>"));
    let host = Host::inside([
        ("GET /home", vec![list("/a", "/g"), list("/g", "/a")]),
        ("GET /a", vec![page("<a href='/a/i'>Integration</a>")]),
        ("GET /g", vec![page("<a href='/g/i'>Integration</a>")]),
        ("GET /a/i", vec![general("a")]),
        ("GET /g/i", vec![general("g")]),
    ]);
    let console = console_at(&host.url, Profile::built_in(), Duration::from_secs(20));
    for there in ["a", "g"] {
        let mut session = console.open(&account(), &login(), &always()).await.unwrap();
        let view = session.observe_integration(&integration(Some("Acme GatorMail"))).await.unwrap();
        assert_eq!(view.errors[0].text, there);
    }
}
