// A stock SMPP server (npm smpp) that notes each message in a file, with a sync, before it answers after a moment.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import smpp from 'smpp';

const [port, log] = process.argv.slice(2);
const iconv = createRequire(createRequire(import.meta.url).resolve('smpp'))('iconv-lite');
const file = openSync(log, 'a');
let count = Date.now();

const note = (what) => {
  writeSync(file, `${JSON.stringify(what)}\n`);
  fsyncSync(file);
};

/** What the phone would show. The library knows no KS C 5601 (0x0e) and leaves its bytes as they are. */
const text = (value) => {
  const raw = typeof value === 'string' || Buffer.isBuffer(value) ? value : value.message;
  return typeof raw === 'string' ? raw : iconv.decode(raw, 'euc-kr');
};

const server = smpp.createServer((session) => {
  session.on('error', () => session.close());
  session.on('bind_transceiver', (pdu) => {
    const good = pdu.system_id === 'mapae' && pdu.password === 'example';
    session.send(pdu.response({ command_status: good ? 0 : smpp.ESME_RBINDFAIL }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on('submit_sm', (pdu) => {
    const payload = pdu.message_payload;
    const id = `m${count += 1}`;
    note({ took: text(payload ?? pdu.short_message), from: pdu.source_addr, id, long: payload !== undefined });
    setTimeout(() => {
      session.send(pdu.response({ message_id: id }));
      note({ answered: id });
      session.deliver_sm({
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611300900 done date:2611300900 stat:DELIVRD err:000 text:`,
      });
    }, 40);
  });
});
process.on('exit', () => closeSync(file));
server.listen(Number(port), '127.0.0.1', () => process.send('ready'));
