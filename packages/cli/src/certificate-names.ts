import { X509Certificate } from 'node:crypto';

/** The names that a certificate (DER) is about: its common name and its DNS names, letter by letter. */
export function certificateNames(der: Uint8Array | undefined): ReadonlySet<string> {
  if (der === undefined) return new Set();
  const certificate = new X509Certificate(der);
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  // a name with a comma in it stands in quotes there, so that it is no part of another one
  const others = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
  return new Set([...[CN ?? []].flat(), ...others.map((name) => name.slice(4))]);
}
