use std::sync::Arc;

use axum::{body::Body, response::Response};
use chassis::Action;
use http::{
    HeaderName, HeaderValue,
    header::{CONTENT_TYPE, LINK},
};
use oci::{Digest, MANIFEST_MAX, MediaType, Page, RepositoryName, Tag};
use serde_json::json;
use url::form_urlencoded;

use super::{Query, json, value};
use crate::{Catalog, Content, Listed, Refused, Registry};

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Entries in one answer at most, whatever the client asks for.
const PAGE_MAX: u32 = 10_000;

pub(crate) async fn tags<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    query: &Query<'_>,
) -> Result<Response, Refused> {
    registry.check(Action::Pull, Some(name))?;
    let (page, limit) = page(query)?;
    let listed = registry
        .catalog
        .tags(name, page.last.as_deref(), limit)
        .await?
        .ok_or(Refused::NameUnknown)?;
    let tags: Vec<&str> = listed.entries.iter().map(Tag::as_str).collect();
    let body = json(Body::from(
        json!({ "name": name.as_str(), "tags": tags }).to_string(),
    ));
    Ok(with_next(
        body,
        &format!("/v2/{name}/tags/list"),
        &listed,
        Tag::as_str,
    ))
}

pub(crate) async fn repositories<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    query: &Query<'_>,
) -> Result<Response, Refused> {
    registry.check(Action::Catalog, None)?;
    let (page, limit) = page(query)?;
    let listed = registry
        .catalog
        .repositories(page.last.as_deref(), limit)
        .await?;
    let names: Vec<&str> = listed.entries.iter().map(RepositoryName::as_str).collect();
    let body = json(Body::from(json!({ "repositories": names }).to_string()));
    Ok(with_next(
        body,
        "/v2/_catalog",
        &listed,
        RepositoryName::as_str,
    ))
}

/// The referrers API: an index of the manifests whose subject is `digest`; an unknown subject has none.
pub(crate) async fn referrers<C: Catalog, B: Content>(
    registry: &Arc<Registry<C, B>>,
    name: &RepositoryName,
    digest: Digest,
    query: &Query<'_>,
) -> Result<Response, Refused> {
    registry.check(Action::Pull, Some(name))?;
    // A "+" that the client forgot to escape arrives as a blank, which no media type has.
    let wanted = query
        .first("artifactType")
        .map(|text| text.replace(' ', "+"))
        .filter(|text| !text.is_empty());
    let filter = wanted.as_deref().map(MediaType::parse).transpose();
    let last = query
        .first("last")
        .map(|text| Digest::parse(&text))
        .transpose()
        .map_err(Refused::DigestInvalid)?;
    let listed = match &filter {
        Ok(filter) => {
            // As much as clients take in a manifest, less the frame around the entries.
            registry
                .catalog
                .referrers(name, digest, filter.as_ref(), last, MANIFEST_MAX / 2)
                .await?
        }
        // What is no media type is nothing's type.
        Err(_) => Listed {
            entries: Vec::new(),
            more: false,
        },
    };
    let mut response = index(&listed);
    let headers = response.headers_mut();
    if wanted.is_some() {
        headers.insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    if let (true, Some((last, _))) = (listed.more, listed.entries.last()) {
        let mut next = form_urlencoded::Serializer::new(String::new());
        next.append_pair("last", &last.to_string());
        if let Some(wanted) = &wanted {
            next.append_pair("artifactType", wanted);
        }
        let link = format!(
            "</v2/{name}/referrers/{digest}?{}>; rel=\"next\"",
            next.finish()
        );
        headers.insert(LINK, value(link));
    }
    Ok(response)
}

fn index(listed: &Listed<(Digest, String)>) -> Response {
    let entries: Vec<&str> = listed
        .entries
        .iter()
        .map(|(_, entry)| entry.as_str())
        .collect();
    let mut response = Response::new(Body::from(format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
        MediaType::OCI_INDEX,
        entries.join(",")
    )));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, value(MediaType::OCI_INDEX));
    response
}

fn page(query: &Query<'_>) -> Result<(Page, usize), Refused> {
    let page = Page::parse_query(query.text()).map_err(|_| Refused::PageInvalid)?;
    let limit = page.n.unwrap_or(PAGE_MAX).min(PAGE_MAX);
    Ok((page, usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// Adds the link to the next page, if there is one. A page of no entries has none: it would be itself.
fn with_next<T>(
    mut response: Response,
    path: &str,
    listed: &Listed<T>,
    text: fn(&T) -> &str,
) -> Response {
    if let (true, Some(last)) = (listed.more, listed.entries.last()) {
        let next = Page {
            n: u32::try_from(listed.entries.len()).ok(),
            last: Some(text(last).to_owned()),
        };
        response.headers_mut().insert(LINK, value(next.link(path)));
    }
    response
}
