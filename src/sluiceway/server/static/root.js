// Addresses, under whatever prefix the server is mounted.
export const root = document.documentElement.dataset.root;

export function address(path) {
  return root + path;
}
