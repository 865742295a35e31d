use super::*;
use crate::stix::tests::holdings;

fn make(form: ReportForm) -> String {
    let heading = Heading { title: "Forums in June".into(), scope: "all of the store".into() };
    render(&holdings(), &heading, form, Tlp::Amber).unwrap()
}

#[test]
fn html_shows_forum_text_as_text() {
    let html = make(ReportForm::Html);
    assert!(html.contains("&lt;script&gt;alert(1)"));
    assert!(!html.contains("<script"));
    assert!(html.contains("Harbour &lt;b&gt;"));
    assert_eq!(html.matches("<svg").count(), 2);
    assert!(
        html.contains("post <a rel=\"noreferrer noopener\" href=\"https://forum.example/p/1\">")
            || html.contains("href=\"https:&#x2f;&#x2f;forum.example")
    );
}

#[test]
fn markdown_cannot_be_forged() {
    let text = make(ReportForm::Markdown);
    assert!(text.contains("we will hit Cloudflare \\| \\`x\\` \\<script\\>"));
    assert!(text.contains("| 2025-06 | 0 |"), "months without events stay in the series:\n{text}");
    assert!(text.contains("| 2025-07 | 4 | ████████████████████ |"));
}

#[test]
fn an_empty_store_gives_a_report() {
    for form in [ReportForm::Html, ReportForm::Markdown] {
        let text = render(&Holdings::default(), &Heading::default(), form, Tlp::Clear).unwrap();
        assert!(text.contains("None in this scope."));
    }
}
