import { X509Certificate } from 'node:crypto';

/** Reads the names of a certificate (DER): its common name and its DNS names, compared exactly. */
export function certificateNames(der: Uint8Array | undefined): ReadonlySet<string> {
  if (der === undefined) return new Set();
  const certificate = new X509Certificate(der);
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] };
  // a name with a comma is quoted there, so it cannot pass for another name
  const others = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('DNS:'));
  return new Set([...[CN ?? []].flat(), ...others.map((name) => name.slice(4))]);
}
