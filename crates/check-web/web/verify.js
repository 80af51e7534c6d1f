// The page that checks documents. A file and the text of a QR code are judged here, in the browser of whoever received them;
// the server learns of a file its hash alone, and of a code nothing. Once this is loaded, both go on without a network.

const page = document.querySelector('[data-verify]');
const part = (name) => page.querySelector(`[data-part="${name}"]`);
const words = JSON.parse(document.getElementById('words').textContent);
const issuers = JSON.parse(page.dataset.issuers);
const [result, status, file, drop] = ['result', 'status', 'file', 'drop'].map(part);
const MOST = 32 * 1024 * 1024;
const TONES = { genuine: 'good', changed: 'bad', revoked: 'bad', over: 'wait', issuer: 'wait', unknown: 'wait' };
const VERDICTS = { genuine: 'genuine', altered: 'changed', unknown_issuer: 'issuer', out_of_time: 'over', revoked: 'revoked', unknown: 'unknown' };
const FACTS = ['document', 'name', 'born', 'agency', 'department', 'rank', 'purpose', 'recipient', 'issued', 'signer', 'proven', 'compared', 'list'];
const lang = document.documentElement.lang === 'en' ? 'en' : 'ko';
const time = (seconds) => new Date(seconds * 1000).toLocaleString(lang);

let loading;

/** The module that judges and the root that signatures lead to. */
function load() {
  loading ??= (async () => {
    const module = await import(CHECK_MODULE);
    const [root] = await Promise.all([
      fetch('/root.pem', { credentials: 'omit' }).then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error('root')))),
      module.default({ module_or_path: fetch(CHECK_WASM, { integrity: CHECK_INTEGRITY }) }),
    ]);
    return { module, root };
  })();
  loading.catch(() => { loading = undefined; });
  return loading;
}

const version = () => words.list.replace('{version}', issuers.version).replace('{at}', time(issuers.at));

/** What the issuing server knows of a file with this hash; null without a network. */
async function standing(digest) {
  try {
    const answer = await fetch(`/verify/standing/${digest}`, { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(10_000) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

async function takeFile(chosen) {
  if (!chosen) return;
  result.hidden = true;
  status.textContent = words.checking;
  try {
    if (chosen.size > MOST) {
      show('unknown', [words['file.large']], {});
      return;
    }
    const { module, root } = await load();
    const bytes = new Uint8Array(await chosen.arrayBuffer());
    const report = JSON.parse(module.check_sealed_pdf(bytes, root, Math.floor(Date.now() / 1000)));
    judge(report, report.verdict === 'genuine' ? await standing(report.sha256) : null);
  } catch {
    show('unknown', [words['no_module']], {});
  } finally {
    status.textContent = '';
    file.value = '';
  }
}

/** What a report on a file comes to, with what the issuer says of it now. */
function judge(report, told) {
  const findings = [report, ...report.signatures].flatMap((one) => one.findings).map((one) => one[lang]);
  let verdict = VERDICTS[report.verdict] ?? 'unknown';
  const why = findings.length > 0 ? findings : [words['file.genuine']];
  if (verdict === 'genuine') {
    const at = told?.at ? time(told.at / 1000) : '';
    if (told?.standing === 'revoked') {
      verdict = 'revoked';
      why[0] = words['file.revoked'].replace('{at}', at).replace('{reason}', told.reason ?? words.taken_back);
    } else {
      why.push((words[`standing.${told?.standing ?? 'offline'}`] ?? '').replace('{at}', at));
    }
  }
  const signed = report.signatures.find((one) => one.kind === 'signature');
  show(verdict, why, {
    document: told?.title,
    agency: told?.agency,
    issued: told?.issued,
    signer: signed?.signer?.name,
    proven: signed?.proven_at && time(signed.proven_at),
    compared: signed && words['compared.file'],
    list: signed?.material_of && words['list.file'].replace('{at}', time(signed.material_of)),
  });
}

async function takeCode(text) {
  result.hidden = true;
  try {
    const { module } = await load();
    const told = JSON.parse(module.read_certificate_code(text, JSON.stringify(issuers.keys)));
    const why = [(words[`code.${told.verdict}`] ?? '').replace('{day}', told.issued ?? '')];
    if (told.verdict !== 'genuine') {
      show(told.verdict, why, {});
      return;
    }
    document.getElementById('number').value = told.number;
    if (told.rows) why.push(words['code.rows'].replace('{rows}', told.rows));
    why.push(words['code.revocation'], words.copy);
    show('genuine', why, { ...told, document: words[told.kind], signer: told.issuer?.[lang], compared: words['compared.code'], list: version() });
  } catch {
    show('unknown', [words['no_module']], {});
  }
}

function show(verdict, why, facts) {
  result.className = `notice ${TONES[verdict]}`;
  result.dataset.verdict = verdict;
  part('verdict').textContent = words[verdict];
  part('why').replaceChildren(...why.filter(Boolean).map((text) => {
    const line = document.createElement('p');
    line.textContent = text;
    return line;
  }));
  for (const name of FACTS) {
    const line = result.querySelector(`[data-fact="${name}"]`);
    line.hidden = !facts[name];
    line.querySelector('dd').textContent = facts[name] ?? '';
  }
  result.hidden = false;
  result.focus();
}

const look = () => {
  if (location.hash.length > 1) takeCode(location.hash);
};
addEventListener('hashchange', look);
file.addEventListener('change', () => takeFile(file.files[0]));
for (const name of ['dragenter', 'dragover']) drop.addEventListener(name, (event) => event.preventDefault());
drop.addEventListener('drop', (event) => { event.preventDefault(); takeFile(event.dataTransfer.files[0]); });
part('typed').addEventListener('submit', (event) => {
  event.preventDefault();
  takeCode(document.getElementById('code').value.trim());
});
load().then(() => { page.dataset.ready = ''; }, () => {});
look();
