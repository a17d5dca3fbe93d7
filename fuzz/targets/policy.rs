//! `countersign.toml`, patterns of repositories in it, and the words of flags that choose: platforms, predicate types.
#![no_main]

use oci::Reference;
use signing::carry::PlatformFilter;
use signing::policy::{Pattern, Policy};
use sigstore::predicate::PredicateType;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let image = Reference::parse("registry.example.com/team/app:1").expect("a reference");
    if let Ok(policy) = Policy::parse(text)
        && let Some(rule) = policy.rule_for(image.repository())
    {
        assert!(policy.rules().iter().any(|other| std::ptr::eq(other, rule)));
    }
    if let Ok(pattern) = Pattern::parse(text) {
        assert_eq!(Pattern::parse(pattern.as_str()).as_ref(), Ok(&pattern));
        assert!(pattern.covers(&pattern));
        let _ = pattern.matches(image.repository());
    }
    let _ = PlatformFilter::parse(text);
    let _ = PredicateType::parse(text);
});
