// What a registry holds, as its own API tells (OCI distribution specification).

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** @typedef {{ repository: string, digest: string, tags: string[], layers: number, bytes: number }} HeldImage */

/**
 * The images of a registry, their tags gathered by digest; logs of builds and other artifacts left out.
 * @param {string} url as `http://127.0.0.1:40123`
 * @returns {Promise<HeldImage[]>}
 */
export async function heldImages(url) {
  const { repositories } = await json(`${url}/v2/_catalog?n=1000`);
  const images = await Promise.all(repositories.sort().map((/** @type {string} */ name) => imagesOf(url, name)));
  return images.flat();
}

/**
 * @param {string} url
 * @param {string} repository
 * @returns {Promise<HeldImage[]>}
 */
async function imagesOf(url, repository) {
  const { tags } = await json(`${url}/v2/${repository}/tags/list`);
  /** @type {Map<string, HeldImage>} */
  const byDigest = new Map();
  for (const tag of (tags ?? []).sort()) {
    const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, { headers: { Accept: ACCEPT } });
    if (!answer.ok) continue; // Deleted since it was listed.
    const digest = answer.headers.get('docker-content-digest') ?? '';
    const manifest = await answer.json();
    const known = byDigest.get(digest);
    if (known !== undefined) known.tags.push(tag);
    else if (isImage(manifest)) byDigest.set(digest, { repository, digest, tags: [tag], ...sizeOf(manifest) });
  }
  return [...byDigest.values()];
}

/** @param {any} manifest */
function isImage(manifest) {
  return (
    manifest.manifests !== undefined || /container\.image|oci\.image\.config/.test(manifest.config?.mediaType ?? '')
  );
}

/** @param {any} manifest */
function sizeOf(manifest) {
  const layers = manifest.layers ?? [];
  return {
    layers: layers.length,
    bytes: layers.reduce((/** @type {number} */ sum, /** @type {{ size: number }} */ layer) => sum + layer.size, 0),
  };
}

/**
 * @param {string} url
 * @returns {Promise<any>}
 */
async function json(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the registry answered ${answer.status} to ${url}`);
  return answer.json();
}
