#!/bin/sh
# Makes the files beside it with OpenSSL 3.0. TEST ONLY: the keys are public, the passphrase is `passphrase`.
set -eu
cd "$(dirname "$0")"
P=pass:passphrase
ec() { openssl ecparam -name "$1" -genkey -noout; }

# One P-256 key in every encoding.
ec prime256v1 > ec-sec1.pem
openssl ecparam -name prime256v1 -genkey -out ec-with-parameters.pem
openssl pkcs8 -topk8 -nocrypt -in ec-sec1.pem -out ec-pkcs8.pem
openssl pkey -in ec-sec1.pem -pubout -out ec-public.pem
for cipher in aes-128-cbc aes-192-cbc aes-256-cbc des-ede3-cbc; do
    openssl pkcs8 -topk8 -in ec-sec1.pem -v2 $cipher -v2prf hmacWithSHA1 -passout $P -out ec-pbes2-$cipher-sha1.pem
    openssl ec -in ec-sec1.pem -$cipher -passout $P -out ec-dek-$cipher.pem
done
openssl ec -provider legacy -provider default -in ec-sec1.pem -des -passout $P -out ec-dek-des-cbc.pem
for prf in hmacWithSHA256 hmacWithSHA384 hmacWithSHA512; do
    openssl pkcs8 -topk8 -in ec-sec1.pem -v2 aes-256-cbc -v2prf $prf -passout $P -out ec-pbes2-aes-256-cbc-$prf.pem
done
openssl pkcs8 -topk8 -in ec-sec1.pem -v2 aes-256-cbc -scrypt -passout $P -out ec-pbes2-aes-256-cbc-scrypt.pem

# What must be refused with its own reason.
openssl pkcs8 -topk8 -in ec-sec1.pem -v1 PBE-SHA1-3DES -passout $P -out refused-pbes1.pem
openssl pkcs8 -topk8 -in ec-sec1.pem -v2 aes-256-cbc -iter 5000001 -passout $P -out refused-iterations.pem
openssl pkcs8 -topk8 -in ec-sec1.pem -v2 aes-256-cbc -scrypt -scrypt_p 5 -passout $P -out refused-scrypt.pem
openssl ec -in ec-sec1.pem -camellia256 -passout $P -out refused-dek-camellia.pem
openssl genrsa -traditional 1024 > refused-rsa-1024.pem
ec secp256k1 > refused-secp256k1.pem
openssl genpkey -algorithm X25519 -out refused-x25519.pem

# Other kinds of key.
ec secp224r1 > p224.pem
ec secp384r1 > p384.pem
ec secp521r1 > p521.pem
openssl genrsa -traditional 2048 > rsa-pkcs1.pem
openssl rsa -in rsa-pkcs1.pem -traditional -aes256 -passout $P -out rsa-dek-aes-256-cbc.pem
openssl pkcs8 -topk8 -nocrypt -in rsa-pkcs1.pem -out rsa-pkcs8.pem
openssl genpkey -algorithm ED25519 -out ed25519.pem
for key in p224 p384 p521 rsa-pkcs1 ed25519 refused-rsa-1024 refused-secp256k1; do
    openssl pkey -in $key.pem -pubout -out $key-public.pem
done
openssl genpkey -algorithm DSA -genparam -pkeyopt dsa_paramgen_bits:1024 -out dsa.tmp
openssl genpkey -paramfile dsa.tmp | openssl pkey -pubout -out dsa-public.pem
rm dsa.tmp

# Signatures over `message`.
printf message > message
for salt in 0 20 32 222; do
    openssl dgst -sha256 -sign rsa-pkcs1.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:$salt \
        -out rsa-pss-$salt.sig message
done
openssl dgst -sha256 -sign rsa-pkcs1.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
    -sigopt rsa_mgf1_md:sha1 -out rsa-pss-mgf1-sha1.sig message
openssl dgst -sha256 -sign rsa-pkcs1.pem -out rsa-pkcs1v15.sig message
openssl dgst -sha256 -sign refused-rsa-1024.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 \
    -out rsa-1024-pss.sig message
for curve in p224 p384 p521; do openssl dgst -sha256 -sign $curve.pem -out $curve.sig message; done
for hash in sha256 sha384 sha512; do
    for key in ec-sec1 p384 p521 rsa-pkcs1; do openssl dgst -$hash -sign $key.pem -out scheme-$key-$hash.sig message; done
    openssl dgst -$hash -sign rsa-pkcs1.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
        -out scheme-rsa-pss-$hash.sig message
done
openssl pkeyutl -sign -rawin -inkey ed25519.pem -in message -out scheme-ed25519.sig

# Certificates. Reference time 2026-11-21.
printf '[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n' > config.tmp
cert() { openssl req -new -x509 -config config.tmp -key "$1" -subj "/CN=$3" -out "$2" -days 3650 $4 $5; }
cert ec-sec1.pem cert-ec.pem 'example.com\/app' -sha256 ''
cert ec-sec1.pem cert-wildcard.pem 'example.com\/*' -sha256 ''
cert ec-sec1.pem cert-ec-sha1.pem 'example.com\/app' -sha1 ''
cert rsa-pkcs1.pem cert-rsa.pem 'example.com\/app' -sha256 ''
cert rsa-pkcs1.pem cert-rsa-sha1.pem 'example.com\/app' -sha1 ''
cert refused-rsa-1024.pem cert-rsa-1024.pem 'example.com\/app' -sha256 ''
cert ed25519.pem cert-ed25519.pem 'example.com\/app' '' ''
cert p521.pem ca.tmp 'Test CA' -sha256 '-extensions ca'
cert rsa-pkcs1.pem ca-sha1.tmp 'Weak CA' -sha1 '-extensions ca'
openssl req -new -config config.tmp -key p384.pem -subj "/CN=example.com\\/app" -out csr.tmp
leaf() { openssl x509 -req -in csr.tmp -CA ca.tmp -CAkey p521.pem -CAcreateserial -days 3650 -out "$1"; }
leaf leaf1.tmp
leaf leaf2.tmp
cat leaf1.tmp ca.tmp > chain.pem
cat ca.tmp leaf1.tmp > chain-ca-first.pem
cat leaf1.tmp leaf2.tmp > chain-two-leaves.pem
cat ca.tmp > chain-no-leaf.pem
cat leaf1.tmp ca-sha1.tmp ca.tmp > chain-weak-intermediate.pem
rm -f -- *.tmp *.srl
