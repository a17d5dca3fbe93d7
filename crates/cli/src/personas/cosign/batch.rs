//! Several images signed or attested by one command.

use oci::Reference;
use signing::sign::Signed;

use super::Context;
use super::error::Error;
use crate::failure::Failure;
use crate::progress;
use crate::render::printable::printable;

/// What is done to the images, as a word before and after.
pub(super) struct Words {
    pub(super) doing: &'static str,
    pub(super) done: &'static str,
}

/// What came of the image at an index.
pub(super) type Report<'r> = dyn FnMut(usize, Result<Vec<Signed>, Error>) + 'r;

/// Does `work` under a progress bar: `finish` is told of each image that is done, and what failed is complained of.
///
/// # Errors
/// The first of `finish`, else that an image failed, which is said already.
pub(super) fn each(
    context: &Context<'_>,
    images: &[Reference],
    words: &Words,
    work: impl FnOnce(&mut Report<'_>),
    mut finish: impl FnMut(&str, &[Signed]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bar = progress::bar(context.session.process, images.len() as u64, words.doing);
    let mut failed = 0;
    let mut unfinished = None;
    work(&mut |index, outcome| {
        let image = images
            .get(index)
            .map(ToString::to_string)
            .unwrap_or_default();
        bar.suspend(|| match outcome {
            Ok(signed) => {
                if let Err(error) = finish(&image, &signed) {
                    unfinished.get_or_insert(error);
                }
            }
            Err(error) => {
                failed += 1;
                complain(context, words.doing, &image, &error);
            }
        });
        bar.inc(1);
    });
    bar.finish_and_clear();
    match unfinished {
        Some(error) => Err(error),
        None => conclude(context, words.done, images.len(), failed),
    }
}

/// cosign's warning: what a tag means can change between looking and signing.
pub(super) fn warn_of_tags(context: &Context<'_>, images: &[Reference]) {
    for image in images.iter().filter(|image| image.digest().is_none()) {
        context.session.process.err(format_args!(
            "WARNING: Image reference {image} uses a tag, not a digest, to identify the image to sign.\n    The digest \
             that it names now is what is signed. Name the digest to be sure of it.\n"
        ));
    }
}

/// An error about one image, in cosign's words.
fn complain(context: &Context<'_>, doing: &str, image: &str, error: &Error) {
    context.session.process.err(format_args!(
        "Error: {doing} [{}]: {}\n",
        printable(image),
        error.text()
    ));
}

/// How many of several images were done; that some were not is said already.
fn conclude(context: &Context<'_>, done: &str, count: usize, failed: usize) -> Result<(), Failure> {
    if count > 1 {
        context.session.process.err(format_args!(
            "{done} {} of {count} images.\n",
            count - failed
        ));
    }
    if failed > 0 {
        return Err(Failure::Said);
    }
    Ok(())
}
