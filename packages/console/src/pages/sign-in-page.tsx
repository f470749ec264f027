import { useEffect } from 'react';
import { Command } from '../parts/copy.tsx';
import { Mark } from '../parts/mark.tsx';
import { SignInForm } from './sign-in-form.tsx';

export function SignInPage() {
  useEffect(() => {
    document.title = 'Sign in · Quiver';
  }, []);
  return (
    <main className="sign-in">
      <h1>
        <Mark /> Quiver
      </h1>
      <div className="card">
        <h2>Sign in</h2>
        <SignInForm />
        <p>
          The admin token is in the file <code>admin-token</code> in the server’s data folder, unless the
          server was given one as <code>QUIVER_ADMIN_TOKEN</code>. The server prints the path of the file each
          time it starts.
        </p>
        <Command>cat data/admin-token</Command>
      </div>
    </main>
  );
}
