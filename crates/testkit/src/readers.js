// Verifies or makes a bundle with sigstore-js: node readers.js LIBRARY verify|sign JSON-options
'use strict';
const fs = require('fs');
const path = require('path');
const [library, action, text] = process.argv.slice(2);
const options = JSON.parse(text);
const beside = (name) => require(path.join(library, '..', '@sigstore', name));
const sigstore = require(library);

function verify() {
  const { bundleFromJSON } = beside('bundle');
  const { TrustedRoot } = beside('protobuf-specs');
  const { Verifier, toSignedEntity, toTrustMaterial } = beside('verify');
  const root = TrustedRoot.fromJSON(JSON.parse(fs.readFileSync(options.trustedRoot)));
  const bundle = bundleFromJSON(JSON.parse(fs.readFileSync(options.bundle)));
  const thresholds = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 };
  const data = options.artifact && fs.readFileSync(options.artifact);
  new Verifier(toTrustMaterial(root), thresholds).verify(toSignedEntity(bundle, data), {
    subjectAlternativeName: options.identity,
    extensions: { issuer: options.issuer },
  });
}

async function sign() {
  const { artifact, bundle, ...services } = options;
  const made = await sigstore.sign(fs.readFileSync(artifact), services);
  fs.writeFileSync(bundle, JSON.stringify(made));
}

Promise.resolve()
  .then({ verify, sign }[action])
  .then(() => console.log('ok'))
  .catch((error) => {
    console.error(String(error), error.cause ? String(error.cause) : '');
    process.exitCode = 1;
  });
