import fs from 'node:fs';
import { Resolver } from '/work/main/src/delivery/resolve.js';
import { openHost } from '/work/main/src/stores/host.js';
import { makeDeliveryHost } from '/work/main/test/support/delivery-host.js';
const root = fs.mkdtempSync('/tmp/rb-');
const layout = makeDeliveryHost(root, { accounts: 200 });
await new Promise(r=>setTimeout(r,100));
const r = new Resolver(openHost(layout));
console.log(JSON.stringify(r.resolve('u3@example.jp')));
for (let k=0;k<4;k++){ const n=20000; const c0=process.cpuUsage(), t=performance.now(); for(let i=0;i<n;i++) r.resolve('u'+(i%200)+'@example.jp'); const c=process.cpuUsage(c0); console.log('resolve us', ((performance.now()-t)*1000/n).toFixed(1),'cpu us user',(c.user/n).toFixed(1),'sys',(c.system/n).toFixed(1)); }
if (process.argv[2]) { fs.statSync('/BEGIN',{throwIfNoEntry:false}); r.resolve('u7@example.jp'); fs.statSync('/END',{throwIfNoEntry:false}); }
fs.rmSync(root,{recursive:true});
