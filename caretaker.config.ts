import { defineConfig } from './config/schema.ts';

export default defineConfig({
  estate: { name: 'nycmg', timeZone: 'America/New_York', regions: ['us-east-1'], accounts: [] },
  alerts: { email: ['ops@nycmg.example'], sms: ['+12125550123'] },
  tasks: {
    'certificate-expiry': {
      endpoints: [
        { host: 'nycmg.example', port: 443 },
        { host: 'api.nycmg.example', port: 443 },
        { host: 'db.nycmg.example', port: 5432, startTls: 'postgres' },
      ],
    },
  },
});
