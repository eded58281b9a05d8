// Requests to the server that sent this page, and to no other.

async function answered(response) {
  let value = null;
  try {
    value = await response.json();
  } catch {
    value = { error: `the server answered with ${response.status}` };
  }
  if (!response.ok) throw new Error(value.error || `the server answered with ${response.status}`);
  return value;
}

export function address(name, parameters) {
  const query = new URLSearchParams(parameters || {}).toString();
  return query ? `${name}?${query}` : name;
}

async function reached(name, options) {
  try {
    return await fetch(name, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("tfrecord-lite view has ended: start it again, and open its new address");
  }
}

export async function get(name, parameters, signal) {
  return answered(await reached(address(name, parameters), { signal }));
}

export async function post(name, value) {
  return answered(await reached(name, { method: "POST", body: JSON.stringify(value || {}) }));
}

// Asks how far a search is, until it is done; `changed` is called each time. What was found before is not sent again.
export async function follow(id, changed, going) {
  let edition = 0;
  for (;;) {
    const state = await get("job", { id, edition });
    if (!going()) return state;
    if (state.found) edition = state.found.edition;
    changed(state);
    if (state.done) return state;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
