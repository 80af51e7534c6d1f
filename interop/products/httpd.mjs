// Apache for one product: only the modules it needs, on a port of this run, in the foreground.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { authority, write } from './product.mjs';

const folder = '/usr/lib/apache2/modules';

export const modules = {
  common: ['mpm_prefork', 'authn_core', 'authz_core', 'authz_user', 'mime', 'dir', 'alias'],
};

/** Starts Apache with `lines` as the configuration of its one site, over TLS with `tls`: a certificate and its key. */
export async function serve(product, port, names, lines, tls) {
  const load = [...names, ...(tls ? ['socache_shmcb', 'ssl'] : [])]
    // Debian's PHP module is called otherwise than all others.
    .map((name) => ({ name, file: join(folder, name === 'php' ? 'libphp8.2.so' : `mod_${name}.so`) }))
    .map(({ name, file }) => {
      if (!existsSync(file)) throw new Error(`${file} is missing; install Apache and its modules as the judge says`);
      return `LoadModule ${name}_module ${file}`;
    });
  mkdirSync(join(product.folder, 'run'), { recursive: true });
  const config = write(product.folder, 'apache2.conf', `
    ServerRoot ${product.folder}
    ServerName localhost
    DefaultRuntimeDir ${product.folder}/run
    PidFile ${product.folder}/run/apache2.pid
    Listen 127.0.0.1:${port}
    ErrorLog ${product.folder}/error.log
    LogLevel warn
    User www-data
    Group www-data
    TypesConfig /etc/mime.types
    ${load.join('\n    ')}
    <Directory />
      AllowOverride None
    </Directory>
    ${names.includes('auth_openidc') && authority ? `OIDCCABundlePath ${authority}` : ''}
    <VirtualHost 127.0.0.1:${port}>
    ServerName ${tls ? 'https' : 'http'}://localhost:${port}
    ${tls ? `SSLEngine on\n    SSLCertificateFile ${tls.certificate}\n    SSLCertificateKeyFile ${tls.key}` : ''}
    ${lines}
    </VirtualHost>`);
  // In a process group of its own: at its end Apache stops all of its group, and would stop the judge.
  const child = product.start('/usr/sbin/apache2', ['-f', config, '-D', 'FOREGROUND'], { detached: true });
  await product.listens(port, child);
  return child;
}
